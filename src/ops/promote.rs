//! `promote`: a protected branch takes results that were made on a branch that is not.
//!
//! ```text
//! fingerprint    the task is made of just the same here, today
//! commit         one in the past of what is checked out has exactly what the record ran:
//!                its own, where nothing was uncommitted; one that was attested; the one that is checked out
//! operation      the branch's tasks get the records, and the promotions are written down with it
//! ```
//! `kptn.yaml` must be as committed, and a commit of the branch checked out: what
//! is looked at here is what the branch has. `undo` takes the records back and
//! withdraws the promotions (`state/promotions.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ancestry::Ancestry;
use super::mover::Mover;
use super::probes::Probing;
use super::promotable::{Lifted, Offer, Source};
use super::report::{Outcome, PromoteReport, PromotedTask, Refusal};
use super::run::take_over;
use super::scope::{self, Words};
use super::status::select;
use super::survey::{Question, Survey};
use super::{Footing, OpsError, Session, memo, protect};
use crate::fingerprint::Gathered;
use crate::git::Repository;
use crate::model::{BranchName, Digest, Force, Record, Reuse, TaskName};
use crate::plan::{Action, Decision};
use crate::state::{BranchKey, Change, LocalMemo, Promotes, Protection, State};
use crate::task::now_ms;

/// What to promote, and why.
#[derive(Debug, Clone)]
pub struct PromoteRequest {
    /// The branch whose results are taken.
    pub source: String,
    /// Which tasks; all where none is named.
    pub words: Words,
    /// The reason, for everyone who meets the record; empty where nothing is said.
    pub why: String,
    /// Whether it is only told.
    pub dry_run: bool,
}

/// Why nothing was promoted.
#[derive(Debug, thiserror::Error)]
pub enum NotPromoted {
    /// A branch that takes everything by itself.
    #[error("`{branch}` is not protected")]
    NotProtected {
        /// The branch.
        branch: BranchName,
    },
    /// A branch onto itself.
    #[error("`{branch}` has its own results already")]
    OntoItself {
        /// The branch.
        branch: BranchName,
    },
    /// No commit is checked out.
    #[error("nothing is committed, so no commit has what a result was made from")]
    NoCommit,
    /// The configuration is not what the commit has.
    #[error("these are not as the checked-out commit has them: {}", super::error::list(.paths))]
    Uncommitted {
        /// The files, from the repository's root.
        paths: Vec<String>,
    },
}

/// Gives a protected branch what another branch has finished, as one operation.
pub fn promote(
    session: &Session,
    footing: &Footing,
    request: &PromoteRequest,
) -> Result<PromoteReport, OpsError> {
    let branch = &session.key.branch;
    let protection = Protection::new(session.project.settings.protected.iter().cloned());
    if !protection.covers(branch.as_str()) {
        return Err(NotPromoted::NotProtected { branch: branch.clone() }.into());
    }
    let source = footing.branch_with_state(&request.source)?;
    if source == session.key {
        return Err(NotPromoted::OntoItself { branch: source.branch }.into());
    }
    let (Some(repository), Some(head)) = (&session.repository, &session.head.commit) else {
        return Err(NotPromoted::NoCommit.into());
    };
    protect::refuse_elsewhere(session)?;
    let paths = uncommitted(repository, &session.config_files)?;
    if !paths.is_empty() {
        return Err(NotPromoted::Uncommitted { paths }.into());
    }
    session.store()?;
    if !request.dry_run {
        take_over(session)?;
    }
    let mover = Mover::of(footing, &session.key)?;
    let memo = memo::open(session)?;
    let past = Past { repository, head, before: Ancestry::of(repository, head), state: session.state()? };
    let mut chosen = Chosen::default();
    for scope in scope::graphs(session, &request.words)? {
        let question = Question { graph: scope.graph, probing: Probing::Ask, force: &|_| Force::No };
        let survey = Survey::of(session, &memo, &question)?;
        let selected = select(session, &survey, &scope.selectors, &scope.exclude)?;
        chosen.add(session, &memo, &past, &survey, &source, &selected)?;
    }
    memo::save(&memo);
    chosen.forget_twins();
    let mut report = PromoteReport {
        branch: branch.clone(),
        source: source.branch.clone(),
        why: request.why.clone(),
        dry_run: request.dry_run,
        operation: None,
        tasks: chosen.tasks,
    };
    if !request.dry_run && !chosen.changes.is_empty() {
        past.state.attest(&chosen.attested, head, now_ms())?;
        let why = match request.why.as_str() {
            "" => source.branch.to_string(),
            why => format!("{}: {why}", source.branch),
        };
        let promotes = Promotes { source: &source.branch, why: &request.why, records: &chosen.records };
        let entry = footing.entry("promote", &why, &session.key);
        report.operation = Some(mover.promote(&chosen.changes, promotes, &entry)?.operation);
    }
    Ok(report)
}

/// Returns those of these files that are not as the checked-out commit has them.
fn uncommitted(repository: &Repository, files: &[std::path::PathBuf]) -> Result<Vec<String>, OpsError> {
    let dirty = repository.dirty(files)?;
    let shown = |path: &std::path::PathBuf| match repository.inside(path) {
        Some(inside) => inside,
        None => path.display().to_string(),
    };
    Ok(dirty.iter().map(shown).collect())
}

/// What was decided about all tasks that were selected.
#[derive(Default)]
struct Chosen {
    tasks: Vec<PromotedTask>,
    changes: Vec<Change>,
    /// Those that are promoted.
    records: Vec<Digest>,
    /// Those of them that ran what the checked-out commit has.
    attested: Vec<Digest>,
}

impl Chosen {
    /// Graphs with one namespace share their tasks' records: each goes once.
    fn forget_twins(&mut self) {
        let mut seen = BTreeSet::new();
        self.changes.retain(|one| seen.insert((one.graph.clone(), one.task.clone())));
        for records in [&mut self.records, &mut self.attested] {
            records.sort();
            records.dedup();
        }
    }

    fn add(
        &mut self,
        session: &Session,
        memo: &LocalMemo,
        past: &Past<'_>,
        survey: &Survey<'_>,
        source: &BranchKey,
        selected: &[TaskName],
    ) -> Result<(), OpsError> {
        let graph = survey.graph;
        let source = Source::of(session, source, &graph.namespace)?;
        let lifted = Lifted::new(&survey.known, Some(source.clone()));
        let decisions = survey.decide_as(session, memo, &lifted);
        let mut offered = lifted.offered();
        let mut going: BTreeMap<&TaskName, Digest> = BTreeMap::new();
        for task in selected {
            let (Some(decision), Some(gathered)) = (decisions.get(task), survey.gathered.get(task)) else {
                continue;
            };
            let left_behind = |dep: &&TaskName| {
                let taken = decisions.get(*dep).is_some_and(|one| matches!(one.action, Action::Reuse(_)));
                taken && !going.contains_key(*dep)
            };
            let deps = graph.tasks.get(task).map(|task| task.deps.as_slice()).unwrap_or_default();
            let behind: Vec<TaskName> = deps.iter().filter(left_behind).cloned().collect();
            if let Action::Keep(record) = &decision.action
                && let Some(offer) = past.held_back(session, survey, &source, record)?
            {
                offered.insert(task.clone(), offer);
            }
            let outcome = match take(decision, offered.get(task)) {
                Wanted::Nothing(Outcome::None) if survey.known.reuse(task) != Reuse::Any => Outcome::RunsHere,
                Wanted::Nothing(outcome) => outcome,
                _ if !behind.is_empty() => {
                    Outcome::Refused { because: Refusal::Dependencies { tasks: behind } }
                }
                Wanted::Admitted(record) => match survey.known.digest_of(record) {
                    Some(digest) => {
                        going.insert(task, digest);
                        self.changes.push(change(record, digest));
                        Outcome::Taken { record: digest, made_on: record.provenance.branch.clone() }
                    }
                    None => Outcome::None,
                },
                Wanted::Offered(offer) => match past.proof(offer, gathered)? {
                    Ok(proof) => {
                        going.insert(task, offer.digest);
                        self.changes.push(change(&offer.record, offer.digest));
                        self.records.push(offer.digest);
                        if proof == Proof::CheckedOut {
                            self.attested.push(offer.digest);
                        }
                        promoted(offer, proof.commit(past.head))
                    }
                    Err(because) => Outcome::Refused { because },
                },
            };
            self.tasks.push(PromotedTask { graph: graph.name.clone(), task: task.clone(), outcome });
        }
        Ok(())
    }
}

/// What a task could get.
enum Wanted<'a> {
    /// Nothing.
    Nothing(Outcome),
    /// A record that the branch takes by itself.
    Admitted(&'a Arc<Record>),
    /// One that has to be let in.
    Offered(&'a Offer),
}

fn take<'a>(decision: &'a Decision, offer: Option<&'a Offer>) -> Wanted<'a> {
    match (&decision.action, offer) {
        (Action::Reuse(_) | Action::Keep(_), Some(offer)) => Wanted::Offered(offer),
        (Action::Reuse(record), None) => Wanted::Admitted(record),
        (Action::Keep(_), _) => Wanted::Nothing(Outcome::Fresh),
        (Action::Run | Action::Wait, _) => Wanted::Nothing(Outcome::None),
    }
}

fn change(record: &Record, digest: Digest) -> Change {
    Change {
        graph: record.graph.clone(),
        task: record.task.clone(),
        record: Some((digest, record.outputs_digest)),
    }
}

fn promoted(offer: &Offer, commit: &str) -> Outcome {
    let Record { provenance, timing, .. } = &*offer.record;
    Outcome::Promoted {
        record: offer.digest,
        made_on: provenance.branch.clone(),
        user: provenance.user.clone(),
        made_ms: timing.started_ms + timing.wall_ms,
        commit: commit.to_owned(),
    }
}

/// Why a commit is known to have exactly what a record ran.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// It was checked out, and nothing was uncommitted.
    Made(String),
    /// That was found later.
    Attested(String),
    /// It is checked out now, and all that counts is as it has it.
    CheckedOut,
}

impl Proof {
    fn commit<'a>(&'a self, head: &'a str) -> &'a str {
        match self {
            Self::Made(commit) | Self::Attested(commit) => commit,
            Self::CheckedOut => head,
        }
    }
}

/// The past of what is checked out.
struct Past<'a> {
    repository: &'a Repository,
    head: &'a str,
    before: Ancestry<'a>,
    state: &'a State,
}

impl Past<'_> {
    /// Returns a record that the branch has had since before it was protected, and that no push would send.
    fn held_back(
        &self,
        session: &Session,
        survey: &Survey<'_>,
        source: &Source,
        record: &Arc<Record>,
    ) -> Result<Option<Offer>, OpsError> {
        let Some(digest) = survey.known.digest_of(record).filter(|digest| source.made(record, digest)) else {
            return Ok(None);
        };
        let protection = protect::as_session_sees(session, &session.key.branch);
        let refused = self.state.not_admitted(&protection, &session.key, [digest])?;
        let offer = || Offer { branch: source.branch().clone(), digest, record: Arc::clone(record) };
        Ok((!refused.is_empty()).then(offer))
    }

    /// Looks for a commit that has exactly what a record ran; its fingerprint is today's.
    fn proof(&self, offer: &Offer, gathered: &Gathered) -> Result<Result<Proof, Refusal>, OpsError> {
        let made = &offer.record.provenance;
        if offer.record.accepted.is_some() {
            return Ok(Err(Refusal::Accepted));
        }
        if let Some(commit) = made.commit.as_ref().filter(|commit| !made.dirty && self.before.has(commit)) {
            return Ok(Ok(Proof::Made(commit.clone())));
        }
        let said = self.state.attestations(&offer.digest)?;
        if let Some(one) = said.into_iter().rev().find(|one| self.before.has(&one.commit)) {
            return Ok(Ok(Proof::Attested(one.commit)));
        }
        let files = uncommitted(self.repository, &gathered.files)?;
        // Which files an item reads of its own is not among these.
        if files.is_empty() && !gathered.item_code {
            return Ok(Ok(Proof::CheckedOut));
        }
        Ok(Err(Refusal::NotCommitted { commit: made.commit.clone(), dirty: made.dirty, files }))
    }
}
