//! The recipe: from named ingredients to one digest.
//!
//! Ingredients are sorted, tagged and preceded by their length, never joined.
//! The order in which they were gathered therefore never matters, and no two
//! sets of ingredients give the same input. [`RECIPE`] is part of the digest:
//! changing anything here is a new version, and every task runs once more.

use crate::model::{Digest, Fingerprint, Ingredient, IngredientKind, ItemKey, RunId, TaggedHasher, Task};

/// The version of the recipe. The golden digests below belong to it.
pub const RECIPE: u32 = 1;

/// What of a dependency's record its dependents count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyDigests {
    /// Over its output files.
    pub outputs: Digest,
    /// Of its result; absent where it has none, or where the item takes its place.
    pub result: Option<Digest>,
    /// The run in which it last really ran; only for a dependency that leaves nothing to compare.
    pub run: Option<RunId>,
}

/// Returns the fingerprint of all ingredients together; their order does not matter.
///
/// [`IngredientKind::WatchedLockfile`] is left out: it is compared, never counted.
pub fn fingerprint(ingredients: &[Ingredient]) -> Fingerprint {
    let rows = rows(ingredients);
    let mut hasher = start(rows.len());
    rows.iter().for_each(|row| add(&mut hasher, row));
    Fingerprint(hasher.finish())
}

/// What an ingredient is in the digest: its tag, its name, its digest.
type Row<'a> = (&'static str, &'a str, &'a Digest);

fn rows(ingredients: &[Ingredient]) -> Vec<Row<'_>> {
    let counted = ingredients.iter().filter(|one| one.kind.counts());
    let mut rows: Vec<_> = counted.map(|one| (tag(one.kind), one.name.as_str(), &one.digest)).collect();
    rows.sort_unstable();
    rows
}

fn start(rows: usize) -> TaggedHasher {
    let mut hasher = TaggedHasher::new("kptn fingerprint");
    hasher.field("recipe", &RECIPE.to_le_bytes());
    hasher.field("count", &(rows as u64).to_le_bytes());
    hasher
}

fn add(hasher: &mut TaggedHasher, (tag, name, digest): &Row<'_>) {
    hasher.field(tag, name.as_bytes()).field("digest", digest.as_bytes());
}

/// Ingredients that many fingerprints share, sorted once, and hashed as far as an item's own comes after.
pub struct CommonIngredients<'a> {
    rows: Vec<Row<'a>>,
    /// How many rows come before an item's.
    before_item: usize,
    /// These rows, in a fingerprint that has one row more.
    hashed: TaggedHasher,
}

impl<'a> CommonIngredients<'a> {
    /// Prepares what is shared.
    pub fn new(ingredients: &'a [Ingredient]) -> Self {
        let rows = rows(ingredients);
        let before_item = rows.partition_point(|(tag, ..)| *tag < ITEM);
        let mut hashed = start(rows.len() + 1);
        rows.iter().take(before_item).for_each(|row| add(&mut hashed, row));
        Self { rows, before_item, hashed }
    }

    /// Returns what [`fingerprint`] gives for these and `more` together.
    pub fn with(&self, more: &[Ingredient]) -> Fingerprint {
        let more = rows(more);
        let (mut hasher, left) = match more.as_slice() {
            [(ITEM, ..)] => (self.hashed.clone(), self.before_item),
            _ => (start(self.rows.len() + more.len()), 0),
        };
        let mut more = more.iter().peekable();
        for row in self.rows.iter().skip(left) {
            while let Some(first) = more.next_if(|one| *one < row) {
                add(&mut hasher, first);
            }
            add(&mut hasher, row);
        }
        more.for_each(|row| add(&mut hasher, row));
        Fingerprint(hasher.finish())
    }
}

/// Returns the ingredients that one dependency contributes.
///
/// What it left counts under its oldest name; a result is handed on under the one that it has.
pub fn dependency_ingredients(dependency: &Task, digests: &DependencyDigests) -> Vec<Ingredient> {
    let name = dependency.counted_name().as_str();
    let mut ingredients = vec![Ingredient {
        kind: IngredientKind::DepOutputs,
        name: name.to_owned(),
        digest: digests.outputs,
        shown: None,
    }];
    if let Some(digest) = digests.result {
        ingredients.push(Ingredient {
            kind: IngredientKind::DepResult,
            name: dependency.name.as_str().to_owned(),
            digest,
            shown: None,
        });
    }
    if let Some(run) = &digests.run {
        ingredients.push(ingredient(IngredientKind::DepRun, name, run.as_str().as_bytes(), None));
    }
    ingredients
}

/// Returns the ingredient that an item is: its own value, never its place in the list.
pub fn item_ingredient(key: ItemKey) -> Ingredient {
    Ingredient { kind: IngredientKind::Item, name: String::new(), digest: key.0, shown: None }
}

/// Returns the ingredient that all items of a mapped task are together; their order does not matter.
pub fn items_ingredient<'a>(keys: impl IntoIterator<Item = &'a ItemKey>) -> Ingredient {
    let mut keys: Vec<&ItemKey> = keys.into_iter().collect();
    keys.sort_unstable();
    let mut hasher = TaggedHasher::new("kptn items 1");
    for key in &keys {
        hasher.field("key", key.0.as_bytes());
    }
    let shown = if keys.len() == 1 { "1 item".to_owned() } else { format!("{} items", keys.len()) };
    Ingredient {
        kind: IngredientKind::Items,
        name: String::new(),
        digest: hasher.finish(),
        shown: Some(shown),
    }
}

/// Makes an ingredient of a value's bytes.
pub(super) fn ingredient(
    kind: IngredientKind,
    name: &str,
    value: &[u8],
    shown: Option<String>,
) -> Ingredient {
    let digest = TaggedHasher::new("kptn value 1").field("value", value).finish();
    Ingredient { kind, name: name.to_owned(), digest, shown }
}

/// Returns the first 60 characters of a text on one line, for people.
pub(super) fn shorten(text: &str) -> String {
    let mut line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(61).collect::<String>();
    if line.chars().count() == 61 {
        line = line.chars().take(59).chain(['…']).collect();
    }
    line
}

/// The word of an item.
const ITEM: &str = tag(IngredientKind::Item);

/// Returns the word that stands for a kind in the digest. Never change one: old records hold it.
pub(super) const fn tag(kind: IngredientKind) -> &'static str {
    match kind {
        IngredientKind::Task => "task",
        IngredientKind::Language => "language",
        IngredientKind::Code => "code",
        IngredientKind::Function => "function",
        IngredientKind::Output => "output",
        IngredientKind::ResultShape => "result_shape",
        IngredientKind::Mapping => "mapping",
        IngredientKind::Arg => "arg",
        IngredientKind::PrefixArgs => "prefix_args",
        IngredientKind::CliArgs => "cli_args",
        IngredientKind::Config => "config",
        IngredientKind::Setting => "setting",
        IngredientKind::Env => "env",
        IngredientKind::Input => "input",
        IngredientKind::Probe => "probe",
        IngredientKind::Interpreter => "interpreter",
        IngredientKind::Lockfile => "lockfile",
        IngredientKind::WatchedLockfile => "watched_lockfile",
        IngredientKind::DepOutputs => "dep_outputs",
        IngredientKind::DepResult => "dep_result",
        IngredientKind::DepRun => "dep_run",
        IngredientKind::Item => "item",
        IngredientKind::Items => "items",
    }
}

/// Returns every kind; a new one belongs here as well as into [`tag`].
#[cfg(test)]
pub(super) fn every_kind() -> Vec<IngredientKind> {
    use IngredientKind as K;
    vec![
        K::Task,
        K::Language,
        K::Code,
        K::Function,
        K::Output,
        K::ResultShape,
        K::Mapping,
        K::Arg,
        K::PrefixArgs,
        K::CliArgs,
        K::Config,
        K::Setting,
        K::Env,
        K::Input,
        K::Probe,
        K::Interpreter,
        K::Lockfile,
        K::WatchedLockfile,
        K::DepOutputs,
        K::DepResult,
        K::DepRun,
        K::Item,
        K::Items,
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that a fingerprint counts.
    fn kinds() -> Vec<IngredientKind> {
        every_kind().into_iter().filter(|kind| *kind != IngredientKind::WatchedLockfile).collect()
    }

    fn sample() -> Vec<Ingredient> {
        let value = |kind: IngredientKind| ingredient(kind, tag(kind), tag(kind).as_bytes(), None);
        kinds().into_iter().map(value).collect()
    }

    #[test]
    fn golden_fingerprints_of_recipe_1() {
        assert_eq!(RECIPE, 1, "a new recipe needs new golden digests beside the old ones");
        let golden = |ingredients: &[Ingredient]| fingerprint(ingredients).0.to_string();
        assert_eq!(golden(&[]), "d14632433908147a87e56d7f66df906dbc477c7863abb5cb3a587b482638075c");
        assert_eq!(golden(&sample()), "0ac9191fc7fe01e31b1b4ab0ddc8d9972f820306e4d3341a6291ae3daefb1f2e");
        assert_eq!(
            golden(&sample()[..1]),
            "7c9a7f70556c55c221259909efab8b19f6cc90a37dac2db56cfb638909506e80"
        );
    }

    #[test]
    fn what_is_watched_or_shown_is_not_counted() {
        let before = fingerprint(&sample());
        let mut changed = sample();
        changed[0].shown = Some("other words".to_owned());
        changed.push(ingredient(IngredientKind::WatchedLockfile, "uv.lock", b"1", None));
        assert_eq!(fingerprint(&changed), before);
    }

    #[test]
    fn the_same_items_in_another_order_are_the_same() {
        let keys: Vec<ItemKey> = (0..5u8).map(|n| ItemKey(Digest::of(&[n]))).collect();
        let turned: Vec<ItemKey> = keys.iter().rev().copied().collect();
        assert_eq!(items_ingredient(&keys), items_ingredient(&turned));
        assert_ne!(items_ingredient(&keys).digest, items_ingredient(&keys[1..]).digest);
    }

    #[test]
    fn shown_values_stay_on_one_short_line() {
        assert_eq!(shorten("a\nb"), "a b");
        assert_eq!(shorten(&"é".repeat(60)), "é".repeat(60));
        assert_eq!(shorten(&"é".repeat(500)).chars().count(), 60);
    }

    fn any_ingredient() -> impl Strategy<Value = Ingredient> {
        (proptest::sample::select(kinds()), "[a-c.é ]{0,4}", any::<[u8; 4]>()).prop_map(
            |(kind, name, bytes)| Ingredient { kind, name, digest: Digest::of(&bytes), shown: None },
        )
    }

    proptest! {
        #[test]
        fn order_never_matters(
            (ingredients, shuffled) in proptest::collection::vec(any_ingredient(), 0..12)
                .prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
        ) {
            prop_assert_eq!(fingerprint(&ingredients), fingerprint(&shuffled));
        }

        #[test]
        fn what_is_shared_is_hashed_once_and_gives_the_same_fingerprint(
            shared in proptest::collection::vec(any_ingredient(), 0..12),
            more in proptest::collection::vec(any_ingredient(), 0..4),
            key in any::<[u8; 4]>(),
        ) {
            let common = CommonIngredients::new(&shared);
            let item = item_ingredient(ItemKey(Digest::of(&key)));
            for own in [vec![], vec![item.clone()], more.clone(), [more, vec![item]].concat()] {
                prop_assert_eq!(common.with(&own), fingerprint(&[shared.clone(), own].concat()));
            }
        }

        #[test]
        fn any_change_of_any_field_changes_the_fingerprint(
            ingredients in proptest::collection::vec(any_ingredient(), 1..8),
            other in any_ingredient(),
            at in any::<proptest::sample::Index>(),
        ) {
            let before = fingerprint(&ingredients);
            let at = at.index(ingredients.len());
            let change = |f: &dyn Fn(&mut Ingredient)| {
                let mut changed = ingredients.clone();
                f(&mut changed[at]);
                changed
            };
            let changes = [
                change(&|one| one.kind = other.kind),
                change(&|one| one.name = other.name.clone()),
                change(&|one| one.digest = other.digest),
                [ingredients.as_slice(), std::slice::from_ref(&other)].concat(),
                ingredients.iter().skip(1).cloned().collect(),
            ];
            for changed in changes {
                let mut sorted = (ingredients.clone(), changed.clone());
                sorted.0.sort();
                sorted.1.sort();
                prop_assert_eq!(fingerprint(&changed) == before, sorted.0 == sorted.1);
            }
        }
    }
}
