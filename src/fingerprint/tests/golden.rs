//! Digests of code, checked in: an upgrade of a grammar must not change them unnoticed.
//!
//! Where one of these changes, every user's tasks of that kind run once more.
//! If that is meant, raise [`RECIPE`](crate::fingerprint::RECIPE) and say so in the changelog.

use super::Fixture;
use crate::fingerprint::RECIPE;
use crate::model::IngredientKind;

fn golden(fixture: &Fixture) -> Vec<String> {
    let gathered = fixture.gather();
    assert_eq!(gathered.uncacheable, [""; 0]);
    let code = gathered.ingredients.iter().filter(|one| one.kind == IngredientKind::Code);
    code.map(|one| format!("{} {}", one.name, one.digest.short())).collect()
}

const PYTHON: &str = r#"
"""What it is for."""
import json as j
from .lib import helper, A
LIMIT: int = 0x_FF + 1_0.5e3
TABLE = {"a": [1, 2,], 'b': (3,), **{}}
class B(A):
    x = [i for i in range(3) if i % 2]
    def method(self, *args, key=None, **kw):
        return super().method(*args, **kw)
@helper.wrap("x", y=1)
async def T(a, /, b: "int" = LIMIT, *, c=lambda q: q) -> dict:
    """Docs."""
    global G
    with open(f"{a!r:>{b}}.txt") as handle:
        async for line in handle:
            yield j.loads(line)
    try:
        assert a if b else not c, "no"
    except (ValueError, TypeError) as error:
        raise RuntimeError from error
    finally:
        del b
    while a := TABLE.get(a):
        match a:
            case {"k": [1, *rest], **more}: print(rest, more)
            case B(x=1) | None: break
            case _: continue
    return {**kw, "n": -a ** 2 // 3 @ b} if a[1:2, ...] is not None else B
"#;

const R: &str = r#"
library(dplyr)
source("lib.R", local = TRUE)
f <- function(x, ..., y = 2L) {
  if (is.na(x) && !TRUE) NULL else x[[1]]$a@b[, -1]
}
g = \(z) z |> f() %>% `my fun`(1e-3, NA, Inf, 1i)
for (i in 1:3) repeat break
h ~ a + b:c
x$y <<- 'it\'s' -> z
r"(raw\)"
"#;

#[test]
fn golden_code_of_recipe_1() {
    assert_eq!(RECIPE, 1, "a new recipe needs new golden digests");
    let lib = "def helper(): pass\nclass A:\n  def method(self): return 1\n";
    let python = Fixture::new("T.py", &[("T.py", PYTHON), ("lib.py", lib)]);
    assert_eq!(
        golden(&python),
        [
            "lib.A 7d6e06a04ecd",
            "lib.helper 3b9778611d96",
            "script.B cbce112a22be",
            "script.LIMIT 42d9694aed33",
            "script.T b69ad413eb1e",
            "script.TABLE 65403a94622b"
        ]
    );
    let r = Fixture::new("T.R", &[("T.R", R), ("lib.R", "x <- 1")]);
    assert_eq!(golden(&r), ["lib.R 5ad34a51f268", "script 28b5a2347090"]);
}
