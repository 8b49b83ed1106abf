//! Stripe's nested form encoding: `line_items[0][price_data][currency]=php`.

use std::collections::BTreeMap;

use super::error::ApiError;

/// Far deeper than any parameter of Stripe's.
const MAX_DEPTH: usize = 8;

/// A parameter, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Text(String),
    /// A hash, or an array whose keys are the places as decimal numbers.
    Group(BTreeMap<String, Node>),
}

/// All parameters of a request.
pub(crate) type Tree = BTreeMap<String, Node>;

/// Reads form-encoded text into `tree`.
pub(crate) fn read(tree: &mut Tree, encoded: &[u8]) -> Result<(), ApiError> {
    for (name, value) in form_urlencoded::parse(encoded) {
        let path = split(&name)?;
        insert(tree, &path, &name, value.into_owned())?;
    }
    Ok(())
}

/// `a[b][0]` is `a`, `b`, `0`.
fn split(name: &str) -> Result<Vec<&str>, ApiError> {
    let malformed = || ApiError::invalid(format!("Malformed parameter name: {name}"));
    let (first, mut rest) = name.find('[').map_or((name, ""), |place| name.split_at(place));
    let mut path = vec![first];
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or_else(malformed)?;
        let (key, behind) = inner.split_once(']').ok_or_else(malformed)?;
        path.push(key);
        rest = behind;
    }
    if first.is_empty() || path.len() > MAX_DEPTH {
        return Err(malformed());
    }
    Ok(path)
}

fn insert(group: &mut Tree, path: &[&str], name: &str, value: String) -> Result<(), ApiError> {
    let [key, rest @ ..] = path else { return Ok(()) };
    let key = if key.is_empty() { next_place(group) } else { (*key).to_owned() };
    if rest.is_empty() {
        return match group.insert(key, Node::Text(value)) {
            None => Ok(()),
            Some(_) => Err(ApiError::invalid(format!("Parameter given twice: {name}"))),
        };
    }
    match group.entry(key).or_insert_with(|| Node::Group(Tree::new())) {
        Node::Group(inner) => insert(inner, rest, name, value),
        Node::Text(_) => {
            Err(ApiError::invalid(format!("Parameter given both as text and as a group: {name}")))
        }
    }
}

/// `a[]=x&a[]=y` counts its places by itself.
fn next_place(group: &Tree) -> String {
    let last = group.keys().filter_map(|key| key.parse::<u32>().ok()).max();
    last.map_or(0, |place| place.saturating_add(1)).to_string()
}

/// One text for all encodings of the same parameters, whatever their order.
pub(crate) fn canonical(tree: &Tree) -> String {
    /// A length in front keeps values from running into names.
    fn measured(out: &mut String, text: &str, end: &str) {
        for part in [&text.len().to_string(), ":", text, end] {
            out.push_str(part);
        }
    }
    fn write(out: &mut String, node: &Node) {
        match node {
            Node::Text(text) => measured(out, text, ";"),
            Node::Group(group) => {
                out.push('{');
                for (key, inner) in group {
                    measured(out, key, "=");
                    write(out, inner);
                }
                out.push('}');
            }
        }
    }
    let mut out = String::new();
    write(&mut out, &Node::Group(tree.clone()));
    out
}

#[cfg(test)]
mod tests {
    use super::{Node, Tree, canonical, read};

    fn tree(encoded: &str) -> Tree {
        let mut tree = Tree::new();
        read(&mut tree, encoded.as_bytes()).unwrap();
        tree
    }

    fn group<'a>(tree: &'a Tree, key: &str) -> &'a Tree {
        match &tree[key] {
            Node::Group(group) => group,
            Node::Text(text) => panic!("{key} is {text}"),
        }
    }

    #[test]
    fn brackets_nest() {
        let tree = tree(
            "mode=payment&line_items[0][price_data][currency]=php&expand[]=a&expand[]=b&m%5Bx+y%5D=%C3%A9%26",
        );
        assert_eq!(tree["mode"], Node::Text("payment".to_owned()));
        let price = group(group(group(&tree, "line_items"), "0"), "price_data");
        assert_eq!(price["currency"], Node::Text("php".to_owned()));
        assert_eq!(group(&tree, "expand")["1"], Node::Text("b".to_owned()));
        assert_eq!(group(&tree, "m")["x y"], Node::Text("é&".to_owned()));
    }

    #[test]
    fn what_is_no_nested_form() {
        for encoded in [
            "a[b=1",
            "a[b]c=1",
            "[a]=1",
            "a=1&a[b]=2",
            "a[b]=2&a=1",
            "a=1&a=2",
            "a[b][c][d][e][f][g][h][i]=1",
        ] {
            assert!(read(&mut Tree::new(), encoded.as_bytes()).is_err(), "{encoded}");
        }
    }

    #[test]
    fn the_order_of_parameters_means_nothing_and_all_else_does() {
        assert_eq!(canonical(&tree("a=1&b[c]=2")), canonical(&tree("b%5Bc%5D=2&a=1")));
        for (one, other) in [("a=1", "a=2"), ("a=1", "b=1"), ("a[b]=1", "a[0]=1"), ("a=1;1:b=1", "a=1&b=1")] {
            assert_ne!(canonical(&tree(one)), canonical(&tree(other)));
        }
    }
}
