//! Every route of the API, once: method, path, and whether a stranger may call it.

use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use hyper::Method;

use super::{alerts, changes, custody, guard, incidents, log, login, openapi, reviews, vault};
use crate::app::App;

/// One route.
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path as axum writes it, parameters in braces.
    pub path: &'static str,
    /// Whether it answers without a login. Few do.
    pub open: bool,
    pub(super) serve: MethodRouter<App>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} (open: {})", self.method, self.path, self.open)
    }
}

/// Makes routes; those that are not open ask for a login before anything else is looked at.
struct Table<'a> {
    app: &'a App,
    routes: Vec<Route>,
}

impl Table<'_> {
    fn add(&mut self, method: Method, path: &'static str, open: bool, serve: MethodRouter<App>) {
        let serve = if open {
            serve
        } else {
            serve.route_layer(from_fn_with_state(self.app.clone(), guard::logged_in))
        };
        self.routes.push(Route {
            method,
            path,
            open,
            serve,
        });
    }

    fn read<H: Handler<T, App>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add(Method::GET, path, false, get(handler));
    }

    fn write<H: Handler<T, App>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add(Method::POST, path, false, post(handler));
    }

    fn open_read<H: Handler<T, App>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add(Method::GET, path, true, get(handler));
    }

    fn open_write<H: Handler<T, App>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add(Method::POST, path, true, post(handler));
    }
}

/// The table.
#[must_use]
pub fn table(app: &App) -> Vec<Route> {
    let mut table = Table {
        app,
        routes: Vec::new(),
    };
    // For strangers: what tells nothing, and the way in.
    table.open_read("/api/openapi.json", openapi::serve);
    table.open_read("/api/v1/health", vault::health);
    table.open_read("/api/v1/ca", vault::ca);
    table.open_read("/api/v1/log/checkpoint", log::checkpoint);
    table.open_write("/api/v1/login/challenge", login::challenge);
    table.open_write("/api/v1/login", login::login);
    table.open_write("/api/v1/login/browser", login::browser);
    // A monitor has no login: the handler asks for its own bearer.
    table.open_read("/api/v1/metrics", alerts::metrics);

    table.write("/api/v1/login/page", login::page_code);
    table.read("/api/v1/vault", vault::vault);

    table.read("/api/v1/incidents", incidents::list);
    table.write("/api/v1/incidents", incidents::open);
    table.read("/api/v1/incidents/{id}", incidents::show);
    table.write("/api/v1/incidents/{id}/approve", incidents::approve);
    table.write("/api/v1/incidents/{id}/witness", incidents::witness);
    table.read("/api/v1/incidents/{id}/paper-share", incidents::paper_share);
    table.write("/api/v1/incidents/{id}/refuse", incidents::refuse);
    table.write("/api/v1/incidents/{id}/mismatch", incidents::mismatch);
    table.write("/api/v1/incidents/{id}/withdraw", incidents::withdraw);
    table.write("/api/v1/incidents/{id}/co-approve", incidents::co_approve);
    table.write("/api/v1/incidents/{id}/override", incidents::lift_gates);
    table.write("/api/v1/incidents/{id}/veto", incidents::veto);
    table.write("/api/v1/incidents/{id}/extend", incidents::extend);
    table.write("/api/v1/incidents/{id}/stop", incidents::stop);
    table.write("/api/v1/incidents/{id}/close", incidents::close);
    table.write("/api/v1/incidents/{id}/claim", incidents::claim);
    table.write("/api/v1/incidents/{id}/grant", incidents::grant);
    table.write("/api/v1/incidents/{id}/note", incidents::note);

    table.read("/api/v1/shares/{kind}/{epoch}", custody::share);
    table.write("/api/v1/prove/challenge", custody::prove_challenge);
    table.write("/api/v1/prove", custody::prove);
    table.write("/api/v1/enrol/test", custody::enrol_test);
    table.write("/api/v1/enrol/opened", custody::enrol_opened);

    table.read("/api/v1/proposals", changes::list);
    table.write("/api/v1/proposals", changes::propose);
    table.write("/api/v1/proposals/sign", changes::sign);

    table.read("/api/v1/reviews", reviews::list);
    table.read("/api/v1/reviews/{id}", reviews::show);
    table.write("/api/v1/reviews/{id}/answers", reviews::answer);
    table.write("/api/v1/reviews/{id}/findings", reviews::finding);
    table.write("/api/v1/reviews/{id}/sign", reviews::sign);

    table.read("/api/v1/alerts", alerts::list);
    table.write("/api/v1/alerts/test", alerts::test);
    table.write("/api/v1/alerts/confirm", alerts::confirm);

    table.read("/api/v1/log/entries", log::entries);
    table.read("/api/v1/log/consistency", log::consistency);
    table.read("/api/v1/log/proof", log::proof);
    table.read("/api/v1/log/export", log::export);
    table.read("/api/v1/log/files/{*path}", log::file);
    table.routes
}
