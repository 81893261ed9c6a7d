//! Names each ingredient that is not what it was.

use std::collections::BTreeMap;

use crate::model::{Change, Ingredient, IngredientKind};

/// Returns the ingredients that count and differ, in the order of their kinds and names.
pub fn changes_between(before: &[Ingredient], now: &[Ingredient]) -> Vec<Change> {
    let index = |list: &[Ingredient]| -> BTreeMap<(IngredientKind, String), Ingredient> {
        list.iter()
            .filter(|one| one.kind.counts())
            .map(|one| ((one.kind, one.name.clone()), one.clone()))
            .collect()
    };
    let (old, new) = (index(before), index(now));
    let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter_map(|key| {
            let (was, is) = (old.get(key), new.get(key));
            if was.map(|one| one.digest) == is.map(|one| one.digest) {
                return None;
            }
            Some(Change { kind: key.0, name: key.1.clone(), before: was.map(shown), after: is.map(shown) })
        })
        .collect()
}

fn shown(ingredient: &Ingredient) -> String {
    ingredient.shown.clone().unwrap_or_else(|| ingredient.digest.short())
}
