//! `/presigned/…`: the road on which data leaves without any Authorization header. It stands for
//! cloud storage on another host; reaching it means a proxy let data out of its sight.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::http::request::Parts;

use super::files::{self, Grant};
use super::reply::{Handled, Reply};
use super::state::{State, lock};

/// Serves a grant; anything else is 403, as storage answers.
pub fn route(
    state: &State,
    method: &str,
    rest: &[&str],
    parts: &Parts,
    body: Vec<Bytes>,
) -> Handled {
    let refused = || Reply::empty(StatusCode::FORBIDDEN);
    let [name] = rest else { return Err(refused()) };
    let mut store = lock(&state.files);
    let grant = store.grants.get(*name).cloned().ok_or_else(refused)?;
    match (method, grant) {
        ("GET", Grant::Download(path)) => {
            let stored = store.files.get(&path).cloned().ok_or_else(refused)?;
            let range = parts
                .headers
                .get("range")
                .and_then(|value| value.to_str().ok());
            Ok(files::download(&stored, range, false))
        }
        ("GET", Grant::Rows(rows)) => Ok(Reply::bytes("application/json", vec![rows])),
        ("PUT", Grant::Part(session, number)) => {
            let tag = files::etag(&body);
            store
                .uploads
                .get_mut(&session)
                .ok_or_else(refused)?
                .insert(number, body);
            Ok(Reply::empty(StatusCode::OK).with_header("etag", format!("\"{tag}\"")))
        }
        ("DELETE", Grant::Abort(session)) => {
            store.uploads.remove(&session);
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(refused()),
    }
}
