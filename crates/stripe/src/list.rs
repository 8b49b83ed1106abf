//! One page of a list of Stripe's.
//!
//! On a shared account a list holds what others have made. What of theirs cannot be understood must not hold
//! ours up; what of ours cannot be understood must not be passed over, as "it is not in the list" ends
//! payments. So each kind of object says by which of the two ways its lists are read.

use crate::object::Object;
use sekali_core::domain::Timestamp;
use sekali_core::ports::GatewayPage;
use serde_json::Value;

/// Objects of one page: as many as Stripe gives.
pub(crate) const LIMIT: &str = "100";

/// A page, its objects not read yet.
pub(crate) struct List<'v> {
    objects: Vec<Object<'v>>,
    next: Option<String>,
}

impl<'v> List<'v> {
    /// Finds the objects of this kind, and where the list goes on. `after` is where this page was to begin.
    pub(crate) fn of(answer: &'v Value, kind: &str, after: Option<&str>) -> Result<Self, String> {
        let is_list = answer.get("object").and_then(Value::as_str) == Some("list");
        let data = answer.get("data").and_then(Value::as_array).filter(|_| is_list);
        let (data, more) = data
            .zip(answer.get("has_more").and_then(Value::as_bool))
            .ok_or_else(|| format!("the answer is no list of {kind}s"))?;
        let objects = data.iter().map(|value| Object::of(value, kind)).collect::<Result<Vec<_>, _>>()?;
        let next = match objects.last() {
            _ if !more => None,
            Some(last) if after != Some(last.id()) => Some(last.id().to_owned()),
            _ => return Err(format!("the list of {kind}s does not come to its end")),
        };
        Ok(Self { objects, next })
    }

    /// Leaves out what was made before `since`, for a list that Stripe cannot be asked to cut off there. It is
    /// sorted, the newest first: once its last object is older, what comes after it is older still.
    pub(crate) fn since(mut self, since: Timestamp) -> Result<Self, String> {
        let since = Timestamp::from_seconds(since.as_seconds());
        let created = self.objects.iter().map(Object::created).collect::<Result<Vec<_>, _>>()?;
        if created.last().is_some_and(|last| *last < since) {
            self.next = None;
        }
        let mut created = created.into_iter();
        self.objects.retain(|_| created.next().is_some_and(|created| created >= since));
        Ok(self)
    }

    /// Reads every object: for kinds that need not bear our name.
    pub(crate) fn every<T>(
        self,
        read: impl Fn(&Object<'v>) -> Result<T, String>,
    ) -> Result<GatewayPage<T>, String> {
        let items = self.objects.iter().map(read).collect::<Result<_, _>>()?;
        Ok(GatewayPage { items, next: self.next })
    }

    /// Reads every object that is named by Sekali, and of the others those that can be read.
    pub(crate) fn named<T>(
        self,
        read: impl Fn(&Object<'v>) -> Result<T, String>,
    ) -> Result<GatewayPage<T>, String> {
        let mut items = Vec::with_capacity(self.objects.len());
        for object in &self.objects {
            match read(object) {
                Ok(item) => items.push(item),
                Err(why) if object.is_named() => return Err(why),
                Err(why) => {
                    tracing::debug!(object = object.id(), why, "Passed over: it bears no name of ours");
                }
            }
        }
        Ok(GatewayPage { items, next: self.next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KIND: &str = "thing";

    fn thing(id: &str, created: i64) -> Value {
        json!({"id": id, "object": KIND, "created": created})
    }

    fn list(data: &[Value], more: bool) -> Value {
        json!({"object": "list", "url": "/v1/things", "has_more": more, "data": data})
    }

    fn id(object: &Object<'_>) -> Result<String, String> {
        if object.text("bad").is_some() { Err("bad".to_owned()) } else { Ok(object.id().to_owned()) }
    }

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        let things = [thing("a", 2), thing("b", 1)];
        let (last, more) = (list(&things, false), list(&things, true));
        let page = List::of(&more, KIND, None).unwrap().every(id).unwrap();
        assert_eq!((page.items, page.next.as_deref()), (vec!["a".to_owned(), "b".to_owned()], Some("b")));
        assert_eq!(List::of(&last, KIND, Some("x")).unwrap().every(id).unwrap().next, None);
        let nothing = list(&[], false);
        assert!(List::of(&nothing, KIND, None).unwrap().every(id).unwrap().items.is_empty());
    }

    #[test]
    fn a_list_that_goes_round_in_circles_is_told() {
        assert!(List::of(&list(&[], true), KIND, None).is_err());
        assert!(List::of(&list(&[thing("a", 1)], true), KIND, Some("a")).is_err());
    }

    #[test]
    fn what_is_no_list_is_told() {
        for answer in [
            json!({}),
            json!([]),
            thing("a", 1),
            json!({"object": "list", "data": [thing("a", 1)]}),
            json!({"object": "list", "has_more": false}),
            json!({"object": "search_result", "has_more": false, "data": []}),
            list(&[json!({"id": "a", "object": "other"})], false),
            list(&[json!({"object": KIND})], false),
            list(&[json!(null)], false),
        ] {
            assert!(List::of(&answer, KIND, None).is_err(), "{answer}");
        }
    }

    #[test]
    fn what_is_too_old_is_left_out_and_ends_the_list() {
        let read = |created: [i64; 2], since| {
            let answer = list(&[thing("a", created[0]), thing("b", created[1])], true);
            let list = List::of(&answer, KIND, None).unwrap().since(since).unwrap();
            let page = list.every(id).unwrap();
            (page.items.concat(), page.next.is_some())
        };
        let since = Timestamp::from_micros(100_900_000);
        assert_eq!(read([101, 100], since), ("ab".to_owned(), true), "Stripe's times are whole seconds");
        assert_eq!(read([100, 99], since), ("a".to_owned(), false));
        assert_eq!(read([99, 98], since), (String::new(), false));
        assert_eq!(read([99, 100], since), ("b".to_owned(), true), "a moment out of order");
    }

    #[test]
    fn only_what_bears_our_name_must_be_understood() {
        let mut bad = thing("b", 1);
        bad["bad"] = json!("yes");
        let answer = list(&[thing("a", 2), bad.clone()], false);
        let read = |answer| List::of(answer, KIND, None).unwrap().named(id);
        assert_eq!(read(&answer).unwrap().items, ["a"]);
        assert!(List::of(&answer, KIND, None).unwrap().every(id).is_err());
        bad["metadata"] = json!({"sekali_session": "anything"});
        assert!(read(&list(&[thing("a", 2), bad], false)).is_err());
    }
}
