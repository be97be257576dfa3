"""What only a vault on PostgreSQL has: its server's settings, its backup, and hands in its rows.

    python tests/e2e/postgres_store.py --binary target/release/breakglass

The backup is restored by stock psql into an empty database, and the vault goes on with it: its
people open their shares and close an incident. Rows are changed with psql, as somebody who can
write to the database would. Everything with the real `serve`.
"""

import json
import pathlib
import re
import stat
import subprocess

import vault as v
from children import until

DORMANT = ("fsync", "full_page_writes", "synchronous_commit")


def serve(vault, *words):
    """`serve` that must end by itself: exit code and what it said."""
    done = subprocess.run([vault.binary, "serve", "--config", str(vault.config), *words],
                          capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
                          env=v.quiet_environment())
    return done.returncode, done.stderr + done.stdout


def check(vault):
    """`serve --check`: exit code and its object."""
    done = subprocess.run([vault.binary, "serve", "--check", "--json", "--config", str(vault.config)],
                          capture_output=True, text=True, timeout=300, env=v.quiet_environment())
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


def url_file(vault):
    return vault.dir / "vault" / "pg.url"


def addresses(checks, vault):
    """The file with the URL, and a server elsewhere without TLS."""
    file = url_file(vault)
    url = file.read_text()
    checks.equal("the stage keeps the URL for its owner alone", stat.S_IMODE(file.stat().st_mode), 0o600)
    file.chmod(0o640)
    code, said = serve(vault)
    checks.hold("a URL file others can read: exit 2, named", code == 2 and "pg.url" in said, said)
    file.chmod(0o600)
    password = vault.postgres.password
    for name, text, word in (
            ("another scheme", url.replace("postgres:", "mysql:"), "postgres://"),
            ("a server elsewhere without TLS", url.replace("127.0.0.1", "db.example.com"), "verify-full"),
            ("a server elsewhere that anybody could be",
             url.replace("127.0.0.1", "db.example.com") + "?sslmode=require", "verify-full"),
            ("a wrong password", url.replace(password, "0" * 32), "password"),
            ("nobody there", url.replace(str(vault.postgres.port), str(v.free_port())), "refused"),
            ("an empty database", re.sub("/vault_[0-9]+", "/postgres", url), "run init")):
        file.write_text(text)
        code, said = serve(vault)
        checks.hold(f"{name}: exit 1, said so", code == 1 and word in said.lower().replace("run init",
                    "run init"), f"{code}: {said}")
        checks.hold(f"{name}: the password is not told",
                    password not in said and "0" * 32 not in said, said)
    file.write_text(url)


def settings(checks, vault):
    """A server that may forget what it acknowledged."""
    server, url = vault.postgres, url_file(vault).read_text()
    for name in DORMANT:
        # Two of them cannot be set for one session: the server is started with them.
        server.sql(f"ALTER SYSTEM SET {name} = off")
        server.sql("SELECT pg_reload_conf()")
        until(f"{name} = off", lambda: server.sql(f"SHOW {name}") == "off")
        code, said = serve(vault)
        checks.hold(f"a server with {name} = off is refused, with what to set",
                    code == 1 and f"set {name} = on" in said, f"{code}: {said}")
        server.sql(f"ALTER SYSTEM RESET {name}")
        server.sql("SELECT pg_reload_conf()")
        until(f"{name} = on", lambda: server.sql(f"SHOW {name}") == "on")
    # Standbys that must confirm, and commits that do not wait for their disks.
    options = "?options=-c%20synchronous_commit%3Dremote_write"
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'elsewhere'")
    server.sql("SELECT pg_reload_conf()")
    until("the names", lambda: server.sql("SHOW synchronous_standby_names") == "elsewhere")
    url_file(vault).write_text(url.strip() + options)
    code, said = serve(vault)
    checks.hold("a server that answers before its synchronous standbys have written is refused",
                code == 1 and "set synchronous_commit = on" in said, f"{code}: {said}")
    server.sql("SET synchronous_commit = local; ALTER SYSTEM RESET synchronous_standby_names")
    server.sql("SELECT pg_reload_conf()")
    until("no names", lambda: server.sql("SHOW synchronous_standby_names") == "")
    url_file(vault).write_text(url)


def hands(checks, vault):
    """Somebody who writes to the database: found at the start, and put right it starts again."""
    server = vault.postgres
    for name, change, back in (
            ("a mail address in the roster",
             "UPDATE document SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'tess@', 'tesz@'),"
             " 'UTF8') WHERE kind = 'roster'", ("tess@", "tesz@")),
            ("a number in the policy",
             "UPDATE document SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), "
             "'\"review_due_hours\":72', '\"review_due_hours\":99'), 'UTF8') WHERE kind = 'policy'",
             ('"review_due_hours":72', '"review_due_hours":99'))):
        server.sql(change)
        code, said = serve(vault)
        checks.hold(f"{name} changed by hand: refused at the start", code not in (0, 2) and
                    ("hash" in said or "roster" in said or "policy" in said), f"{code}: {said}")
        before, after = back
        server.sql("UPDATE document SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), "
                   f"'{after}', '{before}'), 'UTF8') WHERE kind IN ('roster', 'policy')")
    for name, change, back in (
            ("an entry", "UPDATE log_entry SET leaf = leaf || ' '::bytea WHERE seq = 1",
             "UPDATE log_entry SET leaf = substr(leaf, 1, length(leaf) - 1) WHERE seq = 1"),
            ("the head", "UPDATE log_head SET size = size - 1", "UPDATE log_head SET size = size + 1")):
        off = "ALTER TABLE log_entry DISABLE TRIGGER USER; "
        on = "; ALTER TABLE log_entry ENABLE TRIGGER USER"
        server.sql(off + change + on)
        code, said = serve(vault)
        checks.hold(f"{name} changed by hand: exit 8 (log broken)", code == 8, f"{code}: {said}")
        server.sql(off + back + on)
    try:
        server.sql("DELETE FROM log_entry WHERE seq = 1")
        checks.hold("the log takes no deletion", False)
    except v.Failed as why:
        checks.hold("the log takes no deletion", "append-only" in str(why), str(why))


def backed_up(checks, vault):
    """A backup taken while the vault works, restored by stock psql."""
    incident, phrase = vault.asks()
    code, about, said = check(vault)
    checks.hold("--check sees the incident of the running vault",
                code == 0 and [i["id"] for i in about["incidents"]] == [incident], f"{code} {about} {said}")
    vault.approves(incident, phrase, ["ada"])
    code, about, _ = check(vault)
    checks.hold("--check says what a stop would lose", code == 5 and "share" in about["why"], about)
    vault.approves(incident, phrase, ["ben", "cleo"])
    until("the open session", lambda: vault.phase(incident) == "open")
    checks.equal("--check says that a session is open", check(vault)[0], 5)
    vault.does("rio", "claim", incident)
    vault.close(incident)
    safe = vault.folder / "safe"
    done = subprocess.run([vault.binary, "backup", str(safe), "--config", str(vault.config), "--json"],
                          capture_output=True, text=True, timeout=300, env=v.quiet_environment())
    checks.equal("a backup is taken while the vault serves", done.returncode, 0)
    copy = pathlib.Path(json.loads(done.stdout)["database"])
    checks.equal("it is SQL", copy.name, "breakglass.sql")
    checks.equal("for its owner alone", stat.S_IMODE(copy.stat().st_mode), 0o600)
    text = copy.read_bytes()
    seed = (vault.dir / "vault" / "data" / "log.seed").read_bytes().strip()
    checks.hold("no secret, token or seed is in it, in whatever form the server writes bytes",
                not v.secrets_in(text, seed), v.secrets_in(text, seed))
    size = int(vault.postgres.sql("SELECT size FROM log_head"))
    vault.serve.end()
    return incident, copy, size


def restored(checks, vault, incident, copy):
    """The database is lost; psql puts the copy into an empty one."""
    former = url_file(vault).read_text()
    half = vault.folder / "half.sql"
    half.write_bytes(copy.read_bytes()[:copy.stat().st_size // 2])
    url = vault.postgres.url()
    try:
        vault.postgres.sql("", None, "-f", half)
    except v.Failed:
        pass
    checks.equal("half a copy restores nothing",
                 vault.postgres.sql("SELECT count(*) FROM information_schema.tables "
                                    "WHERE table_schema = 'public'"), "0")
    vault.postgres.sql("", None, "-f", copy)
    url_file(vault).write_text(url)
    code, said = serve(vault)
    checks.hold("older than what this node signed last: refused as forked (exit 8)",
                code == 8 and "high-water mark" in said, f"{code}: {said}")
    # The copy lacks only what the former process wrote after it: here the end of it all. On a new
    # machine there is no mark; whoever restores decides that these entries are lost.
    (vault.dir / "vault" / "data" / "head.hw").unlink()
    vault.start_serve()
    checks.equal("restored, it knows the incident", vault.phase(incident), "in_review")
    again, _ = vault.open_session()
    vault.close(again)
    checks.equal("custodians open their shares, a session opens and closes", vault.phase(again), "in_review")
    vault.exported()
    checks.hold("and the log verifies", True)
    vault.serve.end()
    return former


def migrated(checks, vault):
    """A database of an older schema is copied before it is changed; a newer one is refused."""
    server = vault.postgres
    newest = server.sql("SELECT max(version) FROM _sqlx_migrations")
    server.sql("UPDATE _sqlx_migrations SET version = 9999 WHERE version = " + newest)
    code, said = serve(vault)
    checks.hold("a newer schema is refused", code == 1 and "9999" in said, f"{code}: {said}")
    server.sql(f"UPDATE _sqlx_migrations SET version = {newest} WHERE version = 9999")
    # What the newest migration made is taken away again: as if the program before had run last.
    source = sorted(pathlib.Path(__file__).resolve().parents[2].glob("migrations/postgres/*.sql"))[-1]
    made = re.findall(r"CREATE TABLE (\w+)", source.read_text())
    added = re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", source.read_text())
    checks.hold("the newest migration only makes tables and adds columns",
                (made or added) and source.read_text().count("ALTER") == len(added), source.name)
    drops = "".join(f"DROP TABLE {name}; " for name in made)
    drops += "".join(f"ALTER TABLE {table} DROP COLUMN {name}; " for table, name in added)
    server.sql(f"{drops} DELETE FROM _sqlx_migrations WHERE version = {newest}")
    older = server.sql("SELECT max(version) FROM _sqlx_migrations")
    size = server.sql("SELECT size FROM log_head")
    vault.start_serve()
    copies = list((vault.dir / "vault" / "data").glob("postgres.before-*.sql*"))
    checks.equal("the copy before the migration lies in the data folder",
                 [path.name for path in copies], [f"postgres.before-{int(older) + 1}-at-{size}.sql"])
    checks.equal("the schema is the newest again", server.sql("SELECT max(version) FROM _sqlx_migrations"),
                 newest)
    vault.serve.end()
    text = copies[0].read_bytes()
    url = server.url()
    server.sql("", None, "-f", copies[0])
    checks.equal("restored, it is the older schema",
                 server.sql("SELECT max(version) FROM _sqlx_migrations"), older)
    checks.hold("for its owner alone", text and stat.S_IMODE(copies[0].stat().st_mode) == 0o600)
    url_file(vault).write_text(url)
    (vault.dir / "vault" / "data" / "head.hw").unlink()
    vault.start_serve()
    vault.exported()
    checks.hold("and the vault starts from it", True)


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, keep=given.keep, store="postgres") as vault:
        incident, copy, size = backed_up(checks, vault)
        checks.hold(f"the log has {size} entries", size > 50)
        addresses(checks, vault)
        settings(checks, vault)
        hands(checks, vault)
        restored(checks, vault, incident, copy)
        migrated(checks, vault)
    checks.finish()


if __name__ == "__main__":
    main()
