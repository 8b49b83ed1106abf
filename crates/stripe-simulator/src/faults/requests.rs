//! Faults of API requests.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Fault, Kind, METADATA, armed, named};
use crate::api::error::ApiError;
use crate::api::form::{Node, Tree};
use crate::failure::Failure;
use crate::simulator::Simulator;
use crate::storage::keys::KeyedRequest;
use crate::storage::objects::{self, Document};
use crate::storage::{Access, StorageError};
use crate::work::{Cause, Work, hex};

/// A fault that strikes one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFault {
    pub(crate) kind: Kind,
    /// Milliseconds that the client waits.
    pub(crate) delay_ms: i64,
}

/// A request that may be struck.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    method: String,
    path: String,
    /// What the request's own metadata names.
    named: Option<RequestFault>,
    /// By what a repeat of the request is known: a fault from metadata strikes the first one only, or no
    /// client would ever get through.
    memory: Option<String>,
}

impl Target {
    /// Reads what the request says. A word that names no fault is an error.
    pub(crate) fn read(
        method: &str,
        path: &str,
        tree: &Tree,
        keyed: Option<&KeyedRequest>,
    ) -> Result<Self, ApiError> {
        let word = match tree.get("metadata") {
            Some(Node::Group(metadata)) => metadata.get(METADATA),
            _ => None,
        };
        let named = match word {
            Some(Node::Text(text)) if !text.is_empty() => Some(named(text)?),
            _ => None,
        };
        let named = named.filter(|(kind, _)| !kind.is_webhook() && method == "POST");
        Ok(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            named: named.map(|(kind, delay_ms)| RequestFault { kind, delay_ms }),
            memory: keyed.map(|request| format!("{}:{}", request.scope, request.key)),
        })
    }

    fn matches(&self, fault: &Fault) -> bool {
        !fault.kind.is_webhook()
            && fault.method.as_ref().is_none_or(|method| *method == self.method)
            && fault.path.as_ref().is_none_or(|prefix| self.path.starts_with(prefix.as_str()))
    }
}

/// Remembers that a fault from metadata has struck.
#[derive(Debug, Serialize, Deserialize)]
struct Strike {
    id: String,
    created: i64,
}

impl Document for Strike {
    const KIND: &'static str = "strike";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn link(&self) -> Option<&str> {
        None
    }
}

/// The fault that strikes the request, if one does.
pub(crate) async fn strike(simulator: &Simulator, target: Target) -> Result<Option<RequestFault>, Failure> {
    let ours = target.clone();
    let look = move |work: &mut Work<'_>| {
        Ok(ours.named.is_some() || armed(work.tx)?.iter().any(|fault| ours.matches(fault)))
    };
    // Asked first without the writers' lock, as there is mostly none.
    if !simulator.transact(Access::Read, Cause::default(), look).await? {
        return Ok(None);
    }
    let take = move |work: &mut Work<'_>| Ok(take(work, &target)?);
    simulator.transact(Access::Write, Cause::default(), take).await
}

fn take(work: &mut Work<'_>, target: &Target) -> Result<Option<RequestFault>, StorageError> {
    if let Some(named) = target.named
        && first_time(work, target, named.kind)?
    {
        return Ok(Some(named));
    }
    let found = armed(work.tx)?.into_iter().find(|fault| target.matches(fault));
    let Some(mut fault) = found else { return Ok(None) };
    fault.struck += 1;
    objects::update(work.tx, &fault)?;
    Ok(Some(RequestFault { kind: fault.kind, delay_ms: fault.delay_ms }))
}

fn first_time(work: &mut Work<'_>, target: &Target, kind: Kind) -> Result<bool, StorageError> {
    let Some(memory) = &target.memory else { return Ok(true) };
    let id = format!("strike_{}", hex(&Sha256::digest(format!("{kind:?}\n{}\n{memory}", target.path))));
    if objects::find::<Strike>(work.tx, &id)?.is_some() {
        return Ok(false);
    }
    let strike = Strike { id, created: work.now() };
    objects::insert(work.tx, &strike)?;
    Ok(true)
}
