//! What can be set, where it comes from, and what it must be.
//!
//! [`SETTINGS`] is the one table: the flags, the environment, the TOML file, `--help` and
//! `sekali config` are all read off it. [`Values`] holds the texts that were found, a flag before
//! the environment before the file before the default; from them each command takes what it
//! needs, typed and checked: [`Values::serve`], [`Values::database`], [`Values::token`],
//! [`Values::log`]. Whatever is wrong is one sentence that names the setting ([`SettingsError`]).

mod address;
mod error;
mod flags;
mod gateway;
mod listing;
mod read;
mod secret;
mod serve;
mod table;
mod values;

#[cfg(test)]
mod tests;

pub(crate) use address::is_private;
pub use address::{DatabaseUrl, WebAddress};
pub use error::SettingsError;
pub use flags::{add_flags, flags_given};
pub use gateway::{Gateway, SimulatorReach};
pub use listing::{Listed, listing};
pub use secret::{Secret, mask};
pub use serve::{
    DatabaseSettings, HostSettings, LogFormat, LogSettings, ReconcileSettings, SellerSettings, Settings,
    TokenSettings,
};
pub use table::{Fallback, Group, Key, SETTINGS, Setting, setting};
pub use values::{Flags, Source, Surroundings, Values};
