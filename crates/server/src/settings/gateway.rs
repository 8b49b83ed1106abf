//! Who takes the money: Stripe, or the simulator, and what each needs.

use super::address::{is_loopback, is_private};
use super::read::{not_set, visible_word};
use super::{Key, Secret, SettingsError, Source, Values, WebAddress};
use std::net::{IpAddr, SocketAddr};

/// Who takes the money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// Stripe, or whatever speaks its API at `api_base`.
    Stripe {
        /// The account's key.
        secret_key: Secret,
        /// At least one; several while they are rotated, and any of them is right.
        webhook_secrets: Vec<Secret>,
        /// Where the API is spoken.
        api_base: WebAddress,
    },
    /// The built-in simulator: no money moves.
    Simulator {
        /// As given, mostly none: then the simulator makes one of its own.
        webhook_secrets: Vec<Secret>,
    },
}

/// How far away the simulator may be used from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulatorReach {
    /// From this machine only: always, except for `sekali demo --lan`.
    Loopback,
    /// From a private network as well.
    PrivateNetwork,
}

impl SimulatorReach {
    fn allows(self, ip: IpAddr) -> bool {
        is_loopback(ip) || (self == Self::PrivateNetwork && is_private(ip))
    }

    fn allows_address(self, address: &WebAddress) -> bool {
        address.is_loopback() || address.ip().is_some_and(|ip| self.allows(ip))
    }

    fn words(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address (127.0.0.1, ::1, localhost)",
            Self::PrivateNetwork => "a loopback address or one of a private network",
        }
    }
}

impl Values {
    /// Decides between Stripe and the simulator; both and neither are errors.
    pub(super) fn gateway(
        &self,
        listen: SocketAddr,
        public_url: Option<&WebAddress>,
        reach: SimulatorReach,
    ) -> Result<Gateway, SettingsError> {
        let simulator = self.switch(Key::StripeSimulator)?.unwrap_or(false);
        match (simulator, self.secret_word(Key::StripeSecretKey)?) {
            (true, Some(_)) => Err(SettingsError::new(
                "SEKALI_STRIPE_SIMULATOR and STRIPE_SECRET_KEY are both set: give only one of them, \
                 the key to take real payments or the simulator to try Sekali out",
            )),
            (false, None) => Err(SettingsError::new(
                "STRIPE_SECRET_KEY is not set, and SEKALI_STRIPE_SIMULATOR is off: give the secret key of your \
                 Stripe account, or SEKALI_STRIPE_SIMULATOR=1 to try Sekali out on this machine",
            )),
            (true, None) => self.simulator(listen, public_url, reach),
            (false, Some(secret_key)) => self.stripe(secret_key),
        }
    }

    fn stripe(&self, secret_key: Secret) -> Result<Gateway, SettingsError> {
        if secret_key.expose().starts_with("pk_") {
            return Err(self.wrong(Key::StripeSecretKey, "a publishable key (pk_…), which takes no payments"));
        }
        let api_base = self.required(Key::StripeApiBase, WebAddress::parse)?;
        if !api_base.is_https() && !api_base.is_loopback() {
            return Err(self.wrong(Key::StripeApiBase, "an address that would send the key without TLS"));
        }
        let webhook_secrets = self.webhook_secrets()?.ok_or_else(|| not_set(Key::StripeWebhookSecret))?;
        Ok(Gateway::Stripe { secret_key, webhook_secrets, api_base })
    }

    fn simulator(
        &self,
        listen: SocketAddr,
        public_url: Option<&WebAddress>,
        reach: SimulatorReach,
    ) -> Result<Gateway, SettingsError> {
        let refuse = |setting: &str, shown: String| {
            SettingsError::new(format!(
                "SEKALI_STRIPE_SIMULATOR does not run with {setting} {shown}, as anyone there could mark \
                 payments as paid: give {setting} {}",
                reach.words()
            ))
        };
        if !reach.allows(listen.ip()) {
            return Err(refuse("SEKALI_LISTEN", listen.to_string()));
        }
        if let Some(address) = public_url.filter(|address| !reach.allows_address(address)) {
            return Err(refuse("SEKALI_PUBLIC_URL", address.to_string()));
        }
        if self.source(Key::StripeApiBase) != Source::Default {
            return Err(SettingsError::new(
                "STRIPE_API_BASE and SEKALI_STRIPE_SIMULATOR are both set: give only one of them, as the \
                 simulator is its own API",
            ));
        }
        Ok(Gateway::Simulator { webhook_secrets: self.webhook_secrets()?.unwrap_or_default() })
    }

    fn webhook_secrets(&self) -> Result<Option<Vec<Secret>>, SettingsError> {
        self.optional(Key::StripeWebhookSecret, |text| {
            let secrets: Result<Vec<_>, _> = text.split(',').map(|word| visible_word(word.trim())).collect();
            secrets.map_err(|_| "not a list of secrets with commas between them".into())
        })
    }
}
