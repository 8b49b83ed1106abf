//! A run as one command for a shell: the same presses, sent by `curl`.

use super::runs::Way;

/// Makes a consultation, and defines `press KEY`: one press, and its answer's status.
const BEGIN: &str = r#"c=$(curl -sX POST $o/demo/consultation)
id=$(grep -o '"consultation_id":[0-9]*' <<<"$c" | cut -d: -f2)
token=$(grep -o '"token":"[^"]*"' <<<"$c" | cut -d'"' -f4)
press() {
  curl -s "${@:2}" -w ' → %{http_code} in %{time_total} s\n' -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/json' -H "X-Idempotency-Key: klik-$id-$1" \
    -d "{\"consultation_id\":$id,\"amount\":\"5000.00\",\"payment_method\":\"stripe\"}" $o/api/v1/payments
}
"#;

/// What repeats a run of this way against the service at `public_url`.
pub(super) fn repeating(way: Way, public_url: &str) -> String {
    let presses = match way {
        Way::DoubleClick => "press A & sleep 0.005; press A & wait",
        Way::TenClicks => "for n in {1..10}; do press A & sleep 0.002; done; wait",
        Way::HundredClicks => "for n in {1..100}; do press $n & done; wait",
        Way::LostAnswer => "press A -m 0.002; sleep 0.02; press A",
        Way::TwoTabs => "press A & press B & wait",
        // What is killed or started for these is the demo's own, so the demo has to do it.
        Way::Crash | Way::TwoServers | Way::RedisGone => {
            return format!(
                "curl -sX POST {public_url}/demo/runs -H 'Content-Type: application/json' -d '{{\"way\":\"{}\"}}'",
                way.name()
            );
        }
    };
    format!("o={public_url}\n{BEGIN}{presses}")
}
