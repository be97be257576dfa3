//! Every page, once: method, path, and whether a stranger may see it.

use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use hyper::Method;

use super::{
    answer, ask, board, custodians, gate, incident, incidents, log, reviews, share, sign_in,
    static_files,
};
use crate::app::App;
use crate::web::routes::Route;

struct Table<'a> {
    app: &'a App,
    routes: Vec<Route>,
}

impl Table<'_> {
    fn add(&mut self, method: Method, path: &'static str, open: bool, serve: MethodRouter<App>) {
        let serve = if open {
            serve
        } else {
            serve.route_layer(from_fn_with_state(self.app.clone(), gate::signed_in))
        };
        self.routes.push(Route {
            method,
            path,
            open,
            serve,
        });
    }

    fn open<H: Handler<T, App>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add(Method::GET, path, true, get(handler));
    }

    fn page<H: Handler<T, App>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add(Method::GET, path, false, get(handler));
    }

    fn form<H: Handler<T, App>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add(Method::POST, path, false, post(handler));
    }
}

/// The table of pages.
#[must_use]
pub fn table(app: &App) -> Vec<Route> {
    let mut table = Table {
        app,
        routes: Vec::new(),
    };
    // For strangers: the way in, and files without a secret.
    table.open("/sign-in", sign_in::page);
    table.add(Method::POST, "/sign-in", true, post(sign_in::sign_in));
    table.open("/static/{name}", static_files::file);
    table.open("/favicon.ico", static_files::favicon);

    table.form("/sign-out", sign_in::sign_out);
    table.page("/", board::page);
    table.page("/live", board::events);

    table.page("/ask", ask::page);
    table.form("/ask", ask::opening);

    table.page("/i/{id}", incident::page);
    table.page("/i/{id}/live", incident::events);
    table.form("/i/{id}/note", incident::note);
    table.page("/i/{id}/release", answer::release);
    table.page("/i/{id}/refuse", answer::refuse);
    table.page("/i/{id}/stop", answer::stop);
    table.page("/i/{id}/veto", answer::veto);

    table.page("/share", share::page);
    table.page("/enrol", share::enrol);
    table.page("/custodians", custodians::page);

    table.page("/incidents", incidents::page);
    table.page("/incidents.csv", incidents::csv);
    table.page("/incidents.json", incidents::as_json);
    table.page("/reviews", reviews::list);
    table.page("/reviews/{id}", reviews::page);
    table.form("/reviews/{id}/answers", reviews::answers);
    table.page("/reviews/{id}/answers.toml", reviews::file);
    table.form("/reviews/{id}/findings", reviews::finding);

    table.page("/log", log::page);
    table.form("/log/compare", log::compare);
    table.page("/log/{seq}", log::entry);
    table.routes
}
