//! The tables of `state.db`.
//!
//! Each migration leads one version on and is never changed once released: a
//! newer kptn adds one, and an older kptn then refuses the database.

use crate::store::database::{Durability, Schema};

pub(super) const SCHEMA: Schema = Schema {
    migrations: &[FIRST, ITEM_ATTEMPTS, GIT],
    page_size: 4096,
    // A power cut may take the last tasks' results: their work is found again in the store.
    durability: Durability::Checkpoints,
};

const FIRST: &str = "
CREATE TABLE branches (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    -- The snapshot it points at; null before the first fold.
    snapshot BLOB,
    -- Grows with everything that status could see.
    generation INTEGER NOT NULL DEFAULT 0,
    -- The branch of the same project whose state it began with.
    cloned_from TEXT,
    UNIQUE (project, branch)
) STRICT;

-- What finished since the branch's snapshot.
CREATE TABLE results (
    branch INTEGER NOT NULL REFERENCES branches (id) ON DELETE CASCADE,
    graph TEXT NOT NULL,
    task TEXT NOT NULL,
    record BLOB NOT NULL,
    outputs BLOB NOT NULL,
    run TEXT NOT NULL,
    PRIMARY KEY (branch, graph, task)
) STRICT, WITHOUT ROWID;

-- The latest attempt of a task, where it failed after its record was made.
CREATE TABLE attempts (
    branch INTEGER NOT NULL REFERENCES branches (id) ON DELETE CASCADE,
    graph TEXT NOT NULL,
    task TEXT NOT NULL,
    attempt TEXT NOT NULL,
    PRIMARY KEY (branch, graph, task)
) STRICT, WITHOUT ROWID;

-- Items that finished of a mapped task that has not finished as a whole.
CREATE TABLE item_results (
    branch INTEGER NOT NULL REFERENCES branches (id) ON DELETE CASCADE,
    graph TEXT NOT NULL,
    task TEXT NOT NULL,
    key BLOB NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (branch, graph, task, key)
) STRICT, WITHOUT ROWID;

-- The index: which records a fingerprint has, and where each was made.
CREATE TABLE made (
    fingerprint BLOB NOT NULL,
    record BLOB NOT NULL,
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, record, project, branch)
) STRICT, WITHOUT ROWID;

-- The log: who moved which branch from where to where, when, why.
CREATE TABLE operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    verb TEXT NOT NULL,
    why TEXT NOT NULL,
    user TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    before BLOB,
    after BLOB
) STRICT;
CREATE INDEX operations_of_branch ON operations (project, branch, id);

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    graph TEXT NOT NULL,
    -- open, closed, or interrupted: open, and found so by the next run.
    state TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    counts TEXT,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL
) STRICT;
CREATE INDEX runs_by_start ON runs (started_ms);
";

const ITEM_ATTEMPTS: &str = "
-- The latest attempt of an item, where it failed after its task's record was made.
CREATE TABLE item_attempts (
    branch INTEGER NOT NULL REFERENCES branches (id) ON DELETE CASCADE,
    graph TEXT NOT NULL,
    task TEXT NOT NULL,
    key BLOB NOT NULL,
    attempt TEXT NOT NULL,
    PRIMARY KEY (branch, graph, task, key)
) STRICT, WITHOUT ROWID;
-- Few are open, and many were.
CREATE INDEX open_runs ON runs (project, branch) WHERE state = 'open';
";

const GIT: &str = "
-- Branches that a repository was seen to have; gone_ms: since when it has one no more.
CREATE TABLE git_branches (
    branch INTEGER PRIMARY KEY REFERENCES branches (id) ON DELETE CASCADE,
    repository TEXT NOT NULL,
    gone_ms INTEGER
) STRICT;

-- Commits that have exactly what a record ran.
CREATE TABLE attestations (
    record BLOB NOT NULL,
    commit_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (record, commit_id)
) STRICT, WITHOUT ROWID;
";
