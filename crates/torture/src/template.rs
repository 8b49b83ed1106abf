//! Placeholders in paths, headers and bodies.

/// What the placeholders stand for in one request.
#[derive(Clone, Debug)]
pub(crate) struct Values<'a> {
    pub consultation: i64,
    pub amount: &'a str,
    pub user: i64,
    pub token: &'a str,
    pub key: &'a str,
}

impl Values<'_> {
    /// For a path or a header: each value as it is.
    pub(crate) fn fill(&self, template: &str) -> String {
        self.fill_with(template, str::to_owned)
    }

    /// For a JSON body: a text is escaped, so that no value can end its own quotation marks.
    pub(crate) fn fill_json(&self, template: &str) -> String {
        self.fill_with(template, |value| {
            let quoted = serde_json::Value::from(value).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        })
    }

    /// In one pass: what a value holds is never taken for a placeholder.
    fn fill_with(&self, template: &str, write: impl Fn(&str) -> String) -> String {
        let (consultation, user) = (self.consultation.to_string(), self.user.to_string());
        let known = [
            ("{consultation}", consultation.as_str()),
            ("{amount}", self.amount),
            ("{user}", &user),
            ("{token}", self.token),
            ("{key}", self.key),
        ];
        let (mut filled, mut rest) = (String::with_capacity(template.len()), template);
        while let Some(at) = rest.find('{') {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some((name, value)) = known.iter().find(|(name, _)| rest.starts_with(name)) {
                filled.push_str(&write(value));
                rest = &rest[name.len()..];
            } else {
                filled.push('{');
                rest = &rest[1..];
            }
        }
        filled + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'static> =
        Values { consultation: 5, amount: "5000.00", user: 1, token: "{user}", key: "a\"b\\c{amount}" };

    #[test]
    fn known_names_are_filled_and_other_braces_left() {
        let body = r#"{"id": {consultation}, "amount": {amount}, "x": {"y": {}}, "k": "{key}"}"#;
        let filled = VALUES.fill_json(body);
        let read: serde_json::Value = serde_json::from_str(&filled).unwrap();
        assert_eq!((&read["id"], &read["k"]), (&5.into(), &"a\"b\\c{amount}".into()), "{filled}");
        assert!(filled.contains("\"amount\": 5000.00"));
    }

    #[test]
    fn a_value_is_not_filled_again() {
        assert_eq!(VALUES.fill("Bearer {token} {user} {"), "Bearer {user} 1 {");
    }
}
