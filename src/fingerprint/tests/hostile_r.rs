//! R that hides what it uses: no edit that could change a task goes unseen, or what can't be followed is said.

use super::Fixture;
use crate::fingerprint::fingerprint;

const X: &str = "f <- function() 1\n";

/// What `A/run.R` says, all other files, and which of them is edited (`1` becomes `2`, a new file is made).
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// Every edit is seen or said to be out of sight; all that are not are listed.
fn seen(cases: &[Case]) {
    let mut unseen = Vec::new();
    for (script, files, edited) in cases {
        let mut all = vec![("A/run.R", *script)];
        all.extend(files.iter().copied());
        let fixture = Fixture::new("A/run.R", &all);
        let before = fixture.gather();
        let text = all.iter().find(|(name, _)| name == edited).map_or(X, |(_, text)| text);
        fixture.write(edited, text.replacen('1', "2", 1));
        let after = fixture.gather();
        let said = !before.notes.is_empty() || !before.uncacheable.is_empty();
        if fingerprint(&before.ingredients) == fingerprint(&after.ingredients) && !said {
            unseen.push(format!("{script}: {:?}", fixture.names(crate::model::IngredientKind::Code)));
        }
    }
    assert!(unseen.is_empty(), "not seen:\n{}", unseen.join("\n"));
}

#[test]
fn ways_to_source() {
    let ways = [
        "src <- source\nsrc('x.R')",
        "do.call(source, list('x.R'))",
        "do.call('source', list('x.R'))",
        "do.call(base::source, list(file = 'x.R'))",
        "match.fun('source')('x.R')",
        "get('source')('x.R')",
        "'source'('x.R')",
        "`source`('x.R')",
        "purrr::walk(c('x.R'), ~ source(.x))",
        "purrr::walk(c('x.R'), \\(f) source(f))",
        "invisible(sapply('x.R', source, .GlobalEnv))",
        "Map(source, 'x.R')",
        "Reduce(function(a, f) source(f), c('x.R'), NULL)",
        "Filter(source, 'x.R')",
        "vapply(c(a = 'x.R'), function(p) { source(p); 1 }, 0)",
        "eval(parse(text = readLines('x.R')))",
        "eval(parse(text = readr::read_file('x.R')))",
        "eval(parse(text = paste(readLines('x.R'), collapse = '\\n')))",
        "con <- file('x.R')\nsource(con)",
        "source(file('x.R'))",
        "for (e in parse('x.R')) eval(e)",
        "exprs <- rlang::parse_exprs(file('x.R'))\nfor (e in exprs) eval(e)",
        "source(sprintf('%s.R', 'x'))",
        "source(sprintf('%s/x.R', '.'))",
        "source(glue::glue('x.R'))",
        "source(glue::glue('{a}.R', a = 'x'))",
        "source(paste('.', 'x.R', sep = '/'))",
        "source(fs::path('.', 'x.R'))",
        "source(fs::path('.', 'x', ext = 'R'))",
        "source(dir('.', pattern = 'x.R$', full.names = TRUE)[1])",
        "for (f in Sys.glob('*.R')) source(f)",
        "for (f in fs::dir_ls('.', glob = 'x*')) source(f)",
        "source(list.files(pattern = '^x')[[1]])",
        "files <- list.files(path = '.', recursive = TRUE)\nfor (f in files[files != 'run.R']) source(f)",
        "for (i in seq_along(c('x.R'))) source(c('x.R')[i])",
        "files <- c(); files <- c(files, 'x.R'); for (f in files) source(f)",
        "if (interactive()) p <- 'y.R' else p <- 'x.R'\nsource(p)",
        "p <- if (interactive()) 'y.R' else 'x.R'\nsource(p)",
        "p <- ifelse(interactive(), 'y.R', 'x.R')\nsource(p)",
        "p <- switch('a', a = 'x.R')\nsource(p)",
        "source(file.path(dirname(sys.frame(1)$ofile), 'x.R'))",
        "source(file.path(getwd(), 'x.R'))",
        "source(normalizePath('x.R'))",
        "source(rprojroot::find_root_file('A', 'x.R', criterion = rprojroot::is_git_root))",
        "source(here::here('A', paste0('x', '.R')))",
        "'x.R' |> source()",
        "'x.R' %>% source",
        "'x.R' %>% source()",
        "c('x.R') |> lapply(source)",
        "'x.R' %>% { source(.) }",
        "source('x.r' |> toupper())",
        "source(r\"---(x.R)---\")",
        "source('\\x78.R')",
        "source('\\u0078.R')",
        "source(\"x\\.R\")",
        "local(source('x.R'))",
        "withr::with_dir('.', source('x.R'))",
        "suppressMessages(suppressWarnings(source('x.R', chdir = TRUE, echo = FALSE)))",
        "tryCatch(source('x.R'), error = function(e) NULL)",
        "e <- new.env(); sys.source('x.R', e)",
        "e <- new.env(); with(e, source('x.R', local = e))",
        "load_it <- function(name) source(paste0(name, '.R'))\nload_it('x')",
        "load_it <- function(name = 'x.R') source(name)\nload_it()",
        "lapply(X = 'x.R', FUN = source)",
        "lapply(FUN = source, X = 'x.R')",
        "furrr::future_walk('x.R', source)",
        "parallel::mclapply('x.R', source)",
        "rapply(list('x.R'), source)",
        "apply(matrix('x.R'), 1, source)",
        "outer('x.R', 1, Vectorize(function(a, b) { source(a); 1 }))",
        "compose <- purrr::compose(source, identity)\ncompose('x.R')",
        "devtools::source_url('file:x.R')",
        "import::here('x.R', f)",
        "import::here(f, .from = 'x.R')",
        "import::from(f, .from = 'x.R')",
        "import::into('e', f, .from = 'x.R')",
        "modules::use('x.R')",
        "modules::import('x.R')",
        "box::use(./x)",
        "box::use(m = ./x)",
        "box::use(./x[...])",
        "box::use(./x[f, g = f],)",
        "box::use(../A/x)",
        "options(box.path = '..')\nbox::use(A/x)",
        "system2('Rscript', 'x.R')",
        "system('Rscript x.R')",
        "callr::rscript('x.R')",
        "processx::run('Rscript', c('--vanilla', 'x.R'))",
        "callr::r(function() source('x.R'))",
        "future::future({ source('x.R') })",
        "targets::tar_source('.')",
        "R.utils::sourceDirectory('.')",
        "debugSource('x.R')",
        "sourceAll <- function() for (f in dir()) source(f)\nsourceAll()",
        "Sys.setenv(F = 'x.R'); source(Sys.getenv('F'))",
        "config <- yaml::read_yaml('c.yaml'); source(config$file)",
        "readRenviron('x.R')",
    ];
    let cases: Vec<Case> = ways.iter().map(|way| (*way, &[("A/x.R", X)] as &[_], "A/x.R")).collect();
    seen(&cases);
}

#[test]
fn packages_and_other_languages() {
    let package: &[(&str, &str)] = &[
        ("pkg/DESCRIPTION", "Package: pkg\nCollate: 'a1.R' 'b.R'\n"),
        ("pkg/NAMESPACE", "export(f1)\n"),
        ("pkg/R/a1.R", X),
        ("pkg/R/b.q", X),
        ("pkg/R/sysdata.rda", "1"),
        ("pkg/src/x.cpp", "int x = 1;"),
        ("pkg/data/d.csv", "1"),
        ("pkg/inst/i.txt", "1"),
    ];
    let load = "pkgload::load_all('../pkg')";
    let root = "devtools::load_all(here::here('pkg'))";
    seen(&[
        (load, package, "pkg/R/a1.R"),
        (load, package, "pkg/R/b.q"),
        (load, package, "pkg/R/new.R"),
        (load, package, "pkg/DESCRIPTION"),
        (load, package, "pkg/NAMESPACE"),
        (load, package, "pkg/R/sysdata.rda"),
        (load, package, "pkg/src/x.cpp"),
        (root, package, "pkg/src/x.cpp"),
        (root, package, "pkg/R/a1.R"),
        ("load_all()", &[("DESCRIPTION", "Package: x\nVersion: 1"), ("R/a.R", X)], "R/a.R"),
        ("load_all()", &[("DESCRIPTION", "Package: x\nVersion: 1"), ("R/a.R", X)], "DESCRIPTION"),
        ("rmarkdown::render('r.Rmd')", &[("A/r.Rmd", "```{r}\nsource('x.R')\n```\n"), ("A/x.R", X)], "A/x.R"),
        (
            "rmarkdown::render('r.Rmd')",
            &[("A/r.Rmd", "```{r, child='c.Rmd'}\n```\n"), ("A/c.Rmd", "1")],
            "A/c.Rmd",
        ),
        (
            "quarto::quarto_render('r.qmd')",
            &[("A/r.qmd", "{{< include c.qmd >}}\n"), ("A/c.qmd", "1")],
            "A/c.qmd",
        ),
        (
            "reticulate::source_python('a.py')",
            &[("A/a.py", "from b import f"), ("A/b.py", "def f(): return 1")],
            "A/b.py",
        ),
        ("m <- reticulate::import_from_path('b', '.')", &[("A/b.py", "def f(): return 1")], "A/b.py"),
        ("m <- reticulate::import('b')", &[("A/b.py", "def f(): return 1")], "A/b.py"),
        ("reticulate::py_run_string('import b')", &[("A/b.py", "def f(): return 1")], "A/b.py"),
        ("Rcpp::sourceCpp('a.cpp')", &[("A/a.cpp", "#include \"b.h\""), ("A/b.h", "int b = 1;")], "A/b.h"),
        ("dyn.load('x.so')", &[("A/x.so", "1")], "A/x.so"),
        ("system('bash x.sh')", &[("A/x.sh", "1")], "A/x.sh"),
        ("1", &[(".Rprofile", "source('A/x.R')"), ("A/x.R", X)], "A/x.R"),
        ("1", &[], ".Rprofile"),
    ]);
}

#[test]
fn spellings_that_mean_something_else() {
    let mut wrong = Vec::new();
    for (one, other) in [
        ("x[1, ]", "x[1]"),
        ("x[, 1]", "x[1, ]"),
        ("x[, , 1]", "x[, 1]"),
        ("f(, a)", "f(a, )"),
        ("f(a, )", "f(a)"),
        ("switch(x, a = , b = 1)", "switch(x, a = 1, b = 1)"),
        ("x[[1]]", "x[1]"),
        ("x$a", "x@a"),
        ("a::b", "a:::b"),
        ("-2^2", "(-2)^2"),
        ("-a:b", "-(a:b)"),
        ("a - (b - c)", "a - b - c"),
        ("!a == b", "(!a) == b"),
        ("!(a) == b", "(!a) == b"),
        ("1L", "1"),
        ("1", "1i"),
        ("'a b'", "'a  b'"),
        ("'a\n b'", "'a\n  b'"),
        ("'\\n'", "'\\\\n'"),
        ("r\"(\\n)\"", "'\\n'"),
        ("r\"(a)\"", "r\"((a))\""),
        ("a\n-b", "a - b"),
        ("f\n(a)", "f(a)"),
        ("{a\n(b)}", "{a(b)}"),
        ("if (a) { b; c }", "if (a) { b }; c"),
        ("if (a) b else if (c) d else e", "if (a) b else { if (c) d }; e"),
        ("if (a) { if (b) c } else d", "if (a) { if (b) c else d }"),
        ("x <- y", "x <<- y"),
        ("x = y", "x == y"),
        ("f(x = y)", "f(x <- y)"),
        ("x -> y", "x <- y"),
        ("~a", "a"),
        ("a ~ b", "b ~ a"),
        ("a && b", "a & b"),
        ("a || b", "a | b"),
        ("a |> f()", "a %>% f()"),
        ("a %in% b", "a %IN% b"),
        ("function(x, y) x", "function(y, x) x"),
        ("function(x = 1) x", "function(x) x"),
        ("function(...) ..1", "function(...) ..2"),
        ("for (i in x) y", "while (x) y"),
        ("repeat { break }", "repeat { next }"),
        ("TRUE", "T"),
        ("NA", "NA_character_"),
        ("NULL", "NA"),
        ("a; b", "b; a"),
        ("'a'", "a"),
        ("`a b`", "'a b'"),
        ("c(`a` = 1)", "c(b = 1)"),
        ("'#'", "''"),
        ("'a # b'", "'a # c'"),
        ("a[b] <- c", "a[[b]] <- c"),
        ("? a", "a"),
        ("a$'b'", "a$'c'"),
        ("1e3", "1e4"),
        ("0x1F", "0x1E"),
        ("1e-3", "1 - 3"),
        ("\"a\\\"b\"", "\"a\\\\\"; b"),
        ("x %+% y", "x + y"),
        ("(a)(b)", "a; (b)"),
        ("function(x) -x", "function(x) x"),
        ("\\(x) x", "\\(x) -x"),
        ("a := b", "a = b"),
        ("a ** b", "a * b"),
        ("'é'", "'e\u{301}'"),
    ] {
        let digest = |text: &str| Fixture::new("A/run.R", &[("A/run.R", text)]).fingerprint();
        if digest(one) == digest(other) {
            wrong.push(format!("{one:?} and {other:?}"));
        }
    }
    assert!(wrong.is_empty(), "the same:\n{}", wrong.join("\n"));
}
