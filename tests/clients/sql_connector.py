"""databricks-sql-connector over TLS: rows, types, many batches, an error."""

from urllib.parse import urlsplit

import common


def main():
    given = common.arguments(__doc__)
    secret = common.token()
    common.forget_environment()
    from databricks import sql

    at = urlsplit(given.host)
    connection = sql.connect(
        server_hostname=at.hostname, http_path=f"/sql/1.0/warehouses/{given.warehouse_id}",
        access_token=secret, _port=at.port or 443, _tls_trusted_ca_file=given.ca_file,
        use_cloud_fetch=False, enable_telemetry=False, _retry_stop_after_attempts_count=2,
    )

    def query(text):
        with connection.cursor() as cursor:
            cursor.execute(text)
            columns = [[column[0], column[1]] for column in cursor.description]
            rows = [[None if cell is None else str(cell) for cell in row]
                    for row in cursor.fetchall()]
            return {"columns": columns, "rows": rows}

    def many():
        found = query("SELECT * FROM range(350)")["rows"]
        return {"count": len(found), "first": found[0], "last": found[-1]}

    results = {
        "select": common.attempt(lambda: query("SELECT 1")),
        "literals": common.attempt(lambda: query("SELECT 'x' AS t, NULL AS n, true AS b, 1.50 AS d")),
        "types": common.attempt(lambda: query("SELECT * FROM samples.people")),
        "many": common.attempt(many),
        "show": common.attempt(lambda: query("SHOW CATALOGS")),
        "failing": common.attempt(lambda: query("SELECT * FROM nowhere")),
    }
    connection.close()
    common.finish(results)


if __name__ == "__main__":
    main()
