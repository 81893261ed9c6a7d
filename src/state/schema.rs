//! The tables of `state.db`.
//!
//! Each migration leads one version on and is never changed once released: a
//! newer kptn adds one, and an older kptn then refuses the database.

use crate::store::database::{Durability, Schema};

pub(super) const SCHEMA: Schema = Schema {
    migrations: &[
        FIRST,
        ITEM_ATTEMPTS,
        GIT,
        BRANCHES,
        SEEN,
        PROMOTIONS,
        ELSEWHERE,
        ENGINES,
        ON_REMOTES,
        INVALID,
        AGREED,
        SHARED_RUNS,
    ],
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

const BRANCHES: &str = "
-- What finished since a snapshot. The top one belongs to a branch and grows; those beneath never change,
-- so that a clone of a branch on which a run goes on shares them.
CREATE TABLE layers (
    id INTEGER PRIMARY KEY,
    -- The layer beneath; null where there is only the snapshot.
    over INTEGER REFERENCES layers (id),
    -- The branch that it grew on; empty where it was put together.
    origin TEXT NOT NULL
) STRICT;
INSERT INTO layers (id, over, origin) SELECT id, NULL, branch FROM branches;
ALTER TABLE branches ADD COLUMN layer INTEGER REFERENCES layers (id);
-- With the snapshot: where the last operation left the branch.
ALTER TABLE branches ADD COLUMN over INTEGER REFERENCES layers (id);
UPDATE branches SET layer = id;

ALTER TABLE results RENAME TO results_1;
CREATE TABLE results (
    layer INTEGER NOT NULL REFERENCES layers (id) ON DELETE CASCADE,
    graph TEXT NOT NULL,
    task TEXT NOT NULL,
    -- Null where the task has none any more.
    record BLOB,
    outputs BLOB,
    run TEXT NOT NULL,
    PRIMARY KEY (layer, graph, task)
) STRICT, WITHOUT ROWID;
INSERT INTO results SELECT * FROM results_1;
DROP TABLE results_1;

ALTER TABLE item_results RENAME TO item_results_1;
CREATE TABLE item_results (
    layer INTEGER NOT NULL REFERENCES layers (id) ON DELETE CASCADE,
    graph TEXT NOT NULL,
    task TEXT NOT NULL,
    key BLOB NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (layer, graph, task, key)
) STRICT, WITHOUT ROWID;
INSERT INTO item_results SELECT * FROM item_results_1;
DROP TABLE item_results_1;

-- The commit that was checked out, the branch that was stood on, what was typed, the operation that it undoes.
ALTER TABLE operations ADD COLUMN commit_id TEXT;
ALTER TABLE operations ADD COLUMN here TEXT NOT NULL DEFAULT '';
ALTER TABLE operations ADD COLUMN command TEXT NOT NULL DEFAULT '';
ALTER TABLE operations ADD COLUMN undoes INTEGER;
ALTER TABLE operations ADD COLUMN before_over INTEGER REFERENCES layers (id);
ALTER TABLE operations ADD COLUMN after_over INTEGER REFERENCES layers (id);
CREATE INDEX operations_of_project ON operations (project, id);

-- States that are kept for ever.
CREATE TABLE tags (
    project TEXT NOT NULL,
    tag TEXT NOT NULL,
    snapshot BLOB NOT NULL,
    -- The branch that was in that state.
    branch TEXT NOT NULL,
    commit_id TEXT,
    user TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (project, tag)
) STRICT, WITHOUT ROWID;

-- Records that a protected branch takes though they were made on one that is not.
CREATE TABLE promotions (
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    record BLOB NOT NULL,
    -- The branch that it came from.
    source TEXT NOT NULL,
    user TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (project, record, branch)
) STRICT, WITHOUT ROWID;

-- Grows with everything that a status could see, and never falls, whatever is deleted.
CREATE TABLE ticks (
    -- 0: of all that is; 1: of the last that was added to the index of records.
    what INTEGER PRIMARY KEY,
    tick INTEGER NOT NULL
) STRICT;
INSERT INTO ticks SELECT 0, coalesce(sum(generation), 0) FROM branches;
INSERT INTO ticks SELECT 1, coalesce(sum(generation), 0) FROM branches;
";

const SEEN: &str = "
-- What a remote's branches had when this machine last saw them: what both sides agreed on.
CREATE TABLE seen (
    -- The remote's address, without anything secret.
    url TEXT NOT NULL,
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    snapshot BLOB NOT NULL,
    generation INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (url, project, branch)
) STRICT, WITHOUT ROWID;
";

const PROMOTIONS: &str = "
-- Nothing was ever written there before.
DROP TABLE promotions;
-- Records that a protected branch takes though they were made on one that is not.
CREATE TABLE promotions (
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    record BLOB NOT NULL,
    -- The operation that gave the branch the record.
    operation INTEGER NOT NULL,
    -- The branch that it came from.
    source TEXT NOT NULL,
    user TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    why TEXT NOT NULL,
    -- 1 while that operation is undone.
    withdrawn INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (project, record, branch, operation)
) STRICT, WITHOUT ROWID;
CREATE INDEX promotions_of_operation ON promotions (project, operation);
";

const ELSEWHERE: &str = "
-- Records whose files, results and logs stay on the machine that made them, which is not this one.
CREATE TABLE elsewhere (record BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
";

const ENGINES: &str = "
-- Runs that an engine carries out: they hold their branch and output folder while no process of kptn does.
CREATE TABLE engine_runs (
    run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    -- What it is called, for people.
    engine TEXT NOT NULL,
    -- The engine's own name for this execution; null where it has none.
    key TEXT,
    outputs TEXT NOT NULL,
    -- How long it may be silent, and when it was last heard from.
    lease_ms INTEGER NOT NULL,
    heard_ms INTEGER NOT NULL,
    -- Who opened it, as JSON.
    opened_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the tasks of such a run came to.
CREATE TABLE run_tasks (
    run TEXT NOT NULL REFERENCES engine_runs (run) ON DELETE CASCADE,
    task TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (run, task)
) STRICT, WITHOUT ROWID;
";

const AGREED: &str = "
-- The pull that led to it, what was agreed on before that, and 1 while that pull is undone.
ALTER TABLE seen ADD COLUMN operation INTEGER;
ALTER TABLE seen ADD COLUMN was BLOB;
ALTER TABLE seen ADD COLUMN was_generation INTEGER;
ALTER TABLE seen ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
-- What a remote's branches had when they were looked at, whether or not a branch here got it.
CREATE TABLE looked_at (
    url TEXT NOT NULL,
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    snapshot BLOB NOT NULL,
    PRIMARY KEY (url, project, branch)
) STRICT, WITHOUT ROWID;
";

const ON_REMOTES: &str = "
-- Records that a remote has had: pushed from here, or pulled.
CREATE TABLE on_remotes (record BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
";

const INVALID: &str = "
-- What is marked as bad: records, and items by what identifies them.
CREATE TABLE invalid (
    project TEXT NOT NULL,
    bad BLOB NOT NULL,
    -- The mark as JSON.
    mark TEXT NOT NULL,
    -- The operation that made it here; null where it came from a remote.
    operation INTEGER,
    PRIMARY KEY (project, bad)
) STRICT, WITHOUT ROWID;
";

const SHARED_RUNS: &str = "
-- The remote by which a run's machines share state; null where this one alone carries it out.
ALTER TABLE engine_runs ADD COLUMN remote TEXT;
";
