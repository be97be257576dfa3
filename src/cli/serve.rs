//! `breakglass serve`: the composition root. Configuration becomes store, story, doors and loops,
//! in one plain function; nothing else builds things.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod check;
mod notify;
mod standby;

use super::vault_parts::{Parts, config_error, story_error};
use super::{CliError, Exit, Globals, Output};
use crate::app::App;
use crate::config::{Config, HostUrl};
use crate::listen::{self, Bound, Handler, Hosts, Limits};
use crate::sealed::locked::harden_process;
use crate::{proxy, web, workers};

/// Exit code of a process whose log could not be written (`EX_SOFTWARE`): the restart finds a
/// rotation owed.
const LOG_LOST: u8 = 70;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass serve --config /etc/breakglass/breakglass.toml\n  \
    breakglass serve --config ./breakglass.toml --json\n  breakglass serve --config ./breakglass.toml --check\n\nThe process prints one line when it \
    listens. SIGTERM ends a session in order, rotates, then exits; a second SIGTERM exits at once."
)]
pub struct Args {
    /// Say whether the configuration is good and whether stopping the vault now is harmless
    #[arg(long)]
    pub check: bool,
    /// Let the process be dumped and traced; for the project's own memory tests
    #[arg(long, hide = true)]
    pub traceable: bool,
}

/// Runs the vault until it is told to end.
///
/// # Errors
/// A configuration that cannot be used, a vault in use, a log that does not fit.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    if !args.traceable {
        // Before any secret is read: no dumps, no tracing by others.
        harden_process().map_err(|e| CliError::failed("harden", e.to_string()))?;
    }
    speak_up(globals.json);
    let path = globals.config.clone().ok_or_else(|| {
        CliError::usage("which configuration?").hint("breakglass serve --config breakglass.toml")
    })?;
    let mut parts = Parts::read(&path)?;
    parts.learn_log_epoch().await?;
    if args.check {
        return check::run(&parts, out).await;
    }
    let store = standby::open_store(&parts, out).await?;
    // Behind the store: who stands by must not take the addresses of the active process.
    let listeners = Listeners::bind(&parts.config).await?;
    let app = parts.app(store.clone()).await?;
    check_channels(&app, &parts.config)?;
    parts.keep_reserves(&app)?;
    app.recover(&parts.config_sha256.hex())
        .await
        .map_err(|e| story_error(&e))?;
    if let Some(later) = app.dealt_later() {
        out.warn(&format!(
            "! This database is older than epoch {later}: the credential sealed in it is dead, and \
             nothing can be opened. Operators: runbooks/host-lost.md"
        ));
    }
    // The record is in order: from here on the vault answers.
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let addresses = listeners.serve(&app, &parts.config, &stop, &tasks)?;
    workers::start(&app, &stop, &tasks);
    out.result(
        ready(&addresses, &parts.config),
        &format!("listening: {}", parts.config.console.url),
    );
    notify::ready();
    tasks.spawn(watchdog(app.clone(), stop.clone()));
    let exit = wait(&app, out).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    store.close().await;
    Ok(exit)
}

/// Diagnostics for whoever runs the host, on stderr: ids and hashes, never secrets, tokens or
/// bodies. The record of what happened is the log, not these lines.
fn speak_up(json: bool) {
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::new("warn,breakglass=info"))
        .with_ansi(false);
    // A subscriber that is set already (a test's) stays.
    let set = if json {
        lines.json().try_init()
    } else {
        lines.try_init()
    };
    drop(set);
}

/// Channels are part of the policy (PROTOCOL §9): a changed file must not silence anyone.
fn check_channels(app: &App, config: &Config) -> Result<(), CliError> {
    let rules = config.channel_rules().map_err(|e| config_error(&e))?;
    if app.policy().channels == rules {
        return Ok(());
    }
    Err(
        CliError::usage("the channels of the configuration are not those of the signed policy")
            .hint("restore them, or: breakglass policy propose policy.toml --channels breakglass.toml"),
    )
}

fn ready(addresses: &Addresses, config: &Config) -> serde_json::Value {
    json!({
        "listening": true,
        "console": config.console.url,
        "console_address": addresses.console.to_string(),
        "proxy": config.proxy.url,
        "proxy_address": addresses.proxy.map(|a| a.to_string()),
        "plain_address": addresses.plain.map(|a| a.to_string()),
        "process_id": std::process::id(),
    })
}

/// Tells the service manager that the process works, for as long as the store answers.
async fn watchdog(app: App, stop: CancellationToken) {
    let Some(pause) = notify::watchdog_pause() else {
        return;
    };
    while stop
        .run_until_cancelled(tokio::time::sleep(pause))
        .await
        .is_some()
    {
        // A store that hangs holds this up; one that answers badly has said so elsewhere.
        drop(app.health().await);
        notify::alive();
    }
}

async fn wait(app: &App, out: &Output) -> Exit {
    let lost = app.log_lost();
    tokio::select! {
        () = signal() => {}
        () = lost.cancelled() => {
            out.warn("the log cannot be written: everything was cut and wiped; the next start says whether a rotation is owed");
            return Exit(LOG_LOST);
        }
    }
    notify::stopping();
    out.warn("ending: a session that is open is closed and rotated first; once more ends at once");
    tokio::select! {
        () = app.shut_down() => Exit::DONE,
        () = lost.cancelled() => Exit(LOG_LOST),
        () = signal() => {
            app.wipe();
            Exit::INTERRUPTED
        }
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without the handler the default action ends the process, which is what was asked.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    // An error means that there is no such event to wait for.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Where the listeners really are.
struct Addresses {
    console: SocketAddr,
    proxy: Option<SocketAddr>,
    plain: Option<SocketAddr>,
}

/// Bound listeners that do not accept yet.
struct Listeners {
    console: Bound,
    /// `None` also when console and proxy share one listener.
    proxy: Option<Bound>,
    plain: Option<Bound>,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, CliError> {
        let tls = match &config.tls {
            None => None,
            Some(tls) => {
                let chain = std::fs::read(&tls.cert_file).map_err(|e| {
                    CliError::usage(format!("cannot read {}: {e}", tls.cert_file.display()))
                })?;
                let key = crate::config::read_secret_bytes(&tls.key_file)
                    .map_err(|e| config_error(&e))?;
                let tls = listen::tls_config(&chain, &key);
                Some(tls.map_err(|e| CliError::usage(e.to_string()))?)
            }
        };
        let bind = |address, tls| async move {
            Bound::bind(address, tls)
                .await
                .map_err(|e| CliError::failed("listen", e.to_string()))
        };
        let console = url(&config.console.url)?;
        let for_proxy = config.proxy.listen.filter(|a| *a != config.console.listen);
        let secure = |what: &str| {
            tls.clone()
                .ok_or_else(|| CliError::usage(format!("{what} needs [tls]")))
        };
        let console_tls = if console.https {
            Some(secure("console.url")?)
        } else {
            None
        };
        Ok(Self {
            console: bind(config.console.listen, console_tls).await?,
            proxy: match for_proxy {
                Some(address) => Some(bind(address, Some(secure("proxy.listen")?)).await?),
                None => None,
            },
            plain: match config.proxy.plain_listen {
                Some(address) => Some(bind(address, None).await?),
                None => None,
            },
        })
    }

    /// Puts the doors behind their names; any other name is answered 421.
    fn serve(
        self,
        app: &App,
        config: &Config,
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Addresses, CliError> {
        let console_url = url(&config.console.url)?;
        let console = web::handler(app.clone(), &console_url_text(config));
        let door = proxy::handler(app.clone(), config.proxy.calls_in_flight);
        let mut console_hosts = Hosts::new().with(&console_url.host, console);
        let proxy_hosts = match &config.proxy.url {
            None => Hosts::new(),
            Some(text) => proxy_names(Hosts::new(), &url(text)?.host, &door),
        };
        if self.proxy.is_none()
            && let Some(text) = &config.proxy.url
        {
            console_hosts = proxy_names(console_hosts, &url(text)?.host, &door);
        }
        let plain_hosts = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .fold(Hosts::new(), |hosts, name| {
                hosts.with(name, Arc::clone(&door))
            });
        let addresses = Addresses {
            console: self.console.address(),
            proxy: self.proxy.as_ref().map(Bound::address),
            plain: self.plain.as_ref().map(Bound::address),
        };
        let pairs = [
            Some((self.console, console_hosts)),
            self.proxy.map(|bound| (bound, proxy_hosts)),
            self.plain.map(|bound| (bound, plain_hosts)),
        ];
        for (bound, hosts) in pairs.into_iter().flatten() {
            let hosts = hosts.watched_by(observer(app));
            tasks.spawn(bound.serve(hosts, Limits::default(), stop.clone()));
        }
        Ok(addresses)
    }
}

/// What a listener refuses before any door is logged all the same.
fn observer(app: &App) -> listen::Observer {
    let app = app.clone();
    Arc::new(move |refusal, peer| app.note_refused_at_door(refusal.word(), peer.address.ip()))
}

fn console_url_text(config: &Config) -> String {
    config.console.url.trim_end_matches('/').to_owned()
}

fn proxy_names(hosts: Hosts, name: &str, door: &Handler) -> Hosts {
    hosts
        .with(name, Arc::clone(door))
        .with(&format!("accounts.{name}"), Arc::clone(door))
}

fn url(text: &str) -> Result<HostUrl, CliError> {
    HostUrl::parse(text).map_err(|e| CliError::usage(format!("{text}: {e}")))
}
