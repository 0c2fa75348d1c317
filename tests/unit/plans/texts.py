"""What is asked, and the SQL for SQLite, PostgreSQL and MariaDB; `ascii_lower` and NUMERIC stand for long texts."""

from __future__ import annotations


def like(text: str, *, holds: bool = True) -> str:
    """Return LIKE as SQLite gets it: long texts go to a search that takes linear time."""
    is_long = f"(octet_length({text}) + 1) * octet_length(?) > 50000"
    own = rf"{text} LIKE ? ESCAPE '\'"
    return f"CASE WHEN ({is_long}) THEN like_linear({text}, ?) ELSE {own} END = {int(holds)}"


FILTERS = [
    (
        "title = 'a'",
        "posts.title = ?",
        "posts.title = CAST(%s AS TEXT)",
        "posts.title = %s",
    ),
    (
        "title != 'a'",
        "posts.title IS NOT ?",
        "posts.title IS DISTINCT FROM CAST(%s AS TEXT)",
        "NOT (posts.title <=> %s)",
    ),
    (
        "title = ''",
        "posts.title = '' OR posts.title IS NULL",
        "posts.title = '' OR posts.title IS NULL",
        "posts.title = '' OR posts.title IS NULL",
    ),
    (
        "title != null",
        "NOT (posts.title = '' OR posts.title IS NULL)",
        "NOT (posts.title = '' OR posts.title IS NULL)",
        "NOT (posts.title = '' OR posts.title IS NULL)",
    ),
    (
        "title > 'a'",
        "posts.title > ?",
        '(posts.title COLLATE "C") > CAST(%s AS TEXT)',
        "posts.title > %s",
    ),
    (
        "title ~ 'a'",
        like("posts.title"),
        '(posts.title COLLATE "C") ILIKE CAST(%s AS TEXT)',
        "ascii_lower(posts.title) LIKE %s",
    ),
    (
        "title !~ 'a'",
        like("posts.title", holds=False),
        '(posts.title COLLATE "C") NOT ILIKE CAST(%s AS TEXT)',
        "ascii_lower(posts.title) NOT LIKE %s",
    ),
    (
        "title = other",
        "coalesce(posts.title, '') = coalesce(posts.other, '')",
        "coalesce(posts.title, '') = coalesce(posts.other, '')",
        "coalesce(posts.title, '') = coalesce(posts.other, '')",
    ),
    (
        "title:lower = 'a'",
        "lower(posts.title) = ?",
        'lower(posts.title COLLATE "C") = CAST(%s AS TEXT)',
        "ascii_lower(posts.title) = %s",
    ),
    (
        "title = 7",
        "posts.title = ?",
        "posts.title = CAST(%s AS TEXT)",
        "posts.title = %s",
    ),
    (
        "score = 7",
        "posts.score = ?",
        "posts.score = CAST(%s AS DOUBLE PRECISION)",
        "posts.score = %s",
    ),
    (
        "score > '7'",
        "posts.score > ?",
        r"posts.score > CASE WHEN (CAST(%s AS TEXT) ~ 'NUMERIC') THEN CAST(btrim(CAST(%s AS TEXT), E' \t\n\r') AS DOUBLE PRECISION) END",
        "posts.score > CASE WHEN (%s REGEXP 'NUMERIC') THEN %s + 0e0 END",
    ),
    (
        "score != null",
        "NOT (posts.score = '' OR posts.score IS NULL)",
        "posts.score IS NOT NULL",
        "posts.score IS NOT NULL",
    ),
    (
        "score ~ '7'",
        r"posts.score LIKE ? ESCAPE '\'",
        '(CASE WHEN (trunc(posts.score) = posts.score AND abs(posts.score) < 9e+18) THEN CAST(CAST(posts.score AS BIGINT) AS TEXT) ELSE CAST(posts.score AS TEXT) END COLLATE "C") ILIKE CAST(%s AS TEXT)',
        "ascii_lower(CASE WHEN (floor(posts.score) = posts.score AND abs(posts.score) < 9e+18) THEN concat(CAST(posts.score AS SIGNED INTEGER)) ELSE concat(posts.score) END) LIKE %s",
    ),
    (
        "score = title",
        "coalesce(posts.score, '') = coalesce(posts.title, '')",
        "posts.score IS NULL AND (posts.title = '' OR posts.title IS NULL)",
        "posts.score IS NULL AND (posts.title = '' OR posts.title IS NULL)",
    ),
    (
        "active = true",
        "posts.active = 1",
        "posts.active = TRUE",
        "posts.active = 1",
    ),
    (
        "active != true",
        "posts.active IS NOT 1",
        "CAST(posts.active AS INTEGER) IS DISTINCT FROM CAST(TRUE AS INTEGER)",
        "NOT (posts.active <=> 1)",
    ),
    (
        "labels ~ 'a'",
        like("posts.labels"),
        '(CAST(posts.labels AS TEXT) COLLATE "C") ILIKE CAST(%s AS TEXT)',
        "ascii_lower(posts.labels) LIKE %s",
    ),
    (
        "labels:length > 1",
        "coalesce(json_array_length(posts.labels), 0) > ?",
        "coalesce(json_array_length(posts.labels), 0) > CAST(%s AS DOUBLE PRECISION)",
        "coalesce(json_length(posts.labels), 0) > %s",
    ),
    (
        "labels:each ?= 'a'",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN json_each(posts.labels) AS t1 ON 1 = 1 WHERE t1.value = ?)",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN json_array_elements_text(CAST(posts.labels AS JSON)) AS t1 ON true WHERE t1.value = CAST(%s AS TEXT))",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN JSON_TABLE(posts.labels, '$[*]' COLUMNS (value LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS t1 ON true = 1 WHERE t1.value = %s)",
    ),
    (
        "status:length = 1",
        "CASE WHEN (posts.status != '') THEN 1 ELSE 0 END = ?",
        "CASE WHEN (posts.status != '') THEN 1 ELSE 0 END = CAST(%s AS DOUBLE PRECISION)",
        "CASE WHEN (posts.status != '') THEN 1 ELSE 0 END = %s",
    ),
    (
        "meta.a = 5",
        "json_extract(posts.meta, ?) IS ?",
        "CASE json_typeof(posts.meta -> CAST(%s AS TEXT)) WHEN 'number' THEN CAST((posts.meta -> CAST(%s AS TEXT)) #>> '{}' AS DOUBLE PRECISION) WHEN 'boolean' THEN CAST(CAST((posts.meta -> CAST(%s AS TEXT)) #>> '{}' AS BOOLEAN) AS INTEGER) END IS NOT DISTINCT FROM CAST(%s AS DOUBLE PRECISION)",
        "CASE WHEN (json_type(json_extract(posts.meta, %s)) = 'BOOLEAN') THEN (json_unquote(json_extract(posts.meta, %s)) COLLATE utf8mb4_nopad_bin) = 'true' WHEN (json_type(json_extract(posts.meta, %s)) IN ('INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL')) THEN json_extract(posts.meta, %s) + 0e0 END <=> %s",
    ),
    (
        "meta.a.0 = 'x'",
        "json_extract(posts.meta, ?) IS ?",
        "CASE WHEN (json_typeof((posts.meta -> CAST(%s AS TEXT)) -> CAST(%s AS INTEGER)) IN ('string', 'array', 'object')) THEN ((posts.meta -> CAST(%s AS TEXT)) -> CAST(%s AS INTEGER)) #>> '{}' END IS NOT DISTINCT FROM CAST(%s AS TEXT)",
        "CASE WHEN (json_type(CASE WHEN (json_type(json_extract(posts.meta, %s)) = 'ARRAY') THEN json_extract(json_extract(posts.meta, %s), %s) END) = 'STRING') THEN json_unquote(CASE WHEN (json_type(json_extract(posts.meta, %s)) = 'ARRAY') THEN json_extract(json_extract(posts.meta, %s), %s) END) COLLATE utf8mb4_nopad_bin WHEN (json_type(CASE WHEN (json_type(json_extract(posts.meta, %s)) = 'ARRAY') THEN json_extract(json_extract(posts.meta, %s), %s) END) IN ('ARRAY', 'OBJECT')) THEN json_compact(CASE WHEN (json_type(json_extract(posts.meta, %s)) = 'ARRAY') THEN json_extract(json_extract(posts.meta, %s), %s) END) COLLATE utf8mb4_nopad_bin END <=> %s",
    ),
    (
        "meta.a = null",
        "json_extract(posts.meta, ?) IS NULL",
        "coalesce(json_typeof(posts.meta -> CAST(%s AS TEXT)), 'null') = 'null'",
        "coalesce(json_type(json_extract(posts.meta, %s)), 'NULL') = 'NULL'",
    ),
    (
        "meta.a ~ 'x'",
        like("json_extract(posts.meta, ?)"),
        "(CASE WHEN (json_typeof(posts.meta -> CAST(%s AS TEXT)) = 'boolean') THEN CAST(CAST(CAST((posts.meta -> CAST(%s AS TEXT)) #>> '{}' AS BOOLEAN) AS INTEGER) AS TEXT) ELSE (posts.meta -> CAST(%s AS TEXT)) #>> '{}' END COLLATE \"C\") ILIKE CAST(%s AS TEXT)",
        "ascii_lower(CASE WHEN (json_type(json_extract(posts.meta, %s)) = 'BOOLEAN') THEN concat((json_unquote(json_extract(posts.meta, %s)) COLLATE utf8mb4_nopad_bin) = 'true') WHEN (json_type(json_extract(posts.meta, %s)) IN ('ARRAY', 'OBJECT')) THEN json_compact(json_extract(posts.meta, %s)) COLLATE utf8mb4_nopad_bin WHEN (json_type(json_extract(posts.meta, %s)) != 'NULL') THEN json_unquote(json_extract(posts.meta, %s)) COLLATE utf8mb4_nopad_bin END) LIKE %s",
    ),
    (
        "author.name = 'Ann'",
        "t1.name = ?",
        "t1.name = CAST(%s AS TEXT)",
        "t1.name = %s",
    ),
    (
        "editors.name = 'Ann'",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN json_each(posts.editors) AS t1 ON 1 = 1 LEFT OUTER JOIN people AS t2 ON t2.id = t1.value WHERE t2.name = ? AND NOT (EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN json_each(posts.editors) AS t3 ON 1 = 1 LEFT OUTER JOIN people AS t4 ON t4.id = t3.value WHERE t4.name != ?)))",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN json_array_elements_text(CAST(posts.editors AS JSON)) AS t1 ON true LEFT OUTER JOIN people AS t2 ON t2.id = t1.value WHERE t2.name = CAST(%s AS TEXT) AND NOT (EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN json_array_elements_text(CAST(posts.editors AS JSON)) AS t3 ON true LEFT OUTER JOIN people AS t4 ON t4.id = t3.value WHERE t4.name != CAST(%s AS TEXT))))",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN JSON_TABLE(posts.editors, '$[*]' COLUMNS (value LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS t1 ON true = 1 LEFT OUTER JOIN people AS t2 ON t2.id = t1.value WHERE t2.name = %s AND NOT (EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN JSON_TABLE(posts.editors, '$[*]' COLUMNS (value LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS t3 ON true = 1 LEFT OUTER JOIN people AS t4 ON t4.id = t3.value WHERE t4.name != %s)))",
    ),
    (
        "details_via_post.note = 'a'",
        "t1.note = ?",
        "t1.note = CAST(%s AS TEXT)",
        "t1.note = %s",
    ),
    (
        "posts_via_next.score ?> 1",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN posts AS t1 ON t1.next = posts.id WHERE t1.score > ?)",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN posts AS t1 ON t1.next = posts.id WHERE t1.score > CAST(%s AS DOUBLE PRECISION))",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN posts AS t1 ON t1.next = posts.id WHERE t1.score > %s)",
    ),
    (
        "author = @request.auth.id",
        "posts.author = '' OR posts.author IS NULL",
        "posts.author = '' OR posts.author IS NULL",
        "posts.author = '' OR posts.author IS NULL",
    ),
    (
        "@collection.teams.title ?= title",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN teams AS t1 ON 1 = 1 WHERE coalesce(t1.title, '') = coalesce(posts.title, ''))",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN teams AS t1 ON true WHERE coalesce(t1.title, '') = coalesce(posts.title, ''))",
        "EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN teams AS t1 ON true = 1 WHERE coalesce(t1.title, '') = coalesce(posts.title, ''))",
    ),
    (
        "published < @now",
        "posts.published < ?",
        '(posts.published COLLATE "C") < CAST(%s AS TEXT)',
        "posts.published < %s",
    ),
    (
        "title = 'a' && score > 1 || active = false",
        "posts.title = ? AND posts.score > ? OR posts.active = 0",
        "posts.title = CAST(%s AS TEXT) AND posts.score > CAST(%s AS DOUBLE PRECISION) OR posts.active = FALSE",
        "posts.title = %s AND posts.score > %s OR posts.active = 0",
    ),
]

SORTS = [
    (
        "",
        "",
        'posts."@rowid" ASC',
        "posts.`@rowid` ASC",
    ),
    (
        "title",
        "posts.title ASC",
        'posts.title COLLATE "C" ASC, posts."@rowid" ASC',
        "posts.title ASC, posts.`@rowid` ASC",
    ),
    (
        "-score",
        "posts.score DESC",
        'posts.score DESC, posts."@rowid" ASC',
        "posts.score DESC, posts.`@rowid` ASC",
    ),
    (
        "active",
        "posts.active ASC",
        'CAST(posts.active AS INTEGER) ASC, posts."@rowid" ASC',
        "posts.active ASC, posts.`@rowid` ASC",
    ),
    (
        "-meta",
        "json_extract(posts.meta, '$') DESC",
        "CASE WHEN (CASE WHEN (json_typeof(posts.meta) IN ('string', 'array', 'object')) THEN posts.meta #>> '{}' END IS NOT NULL) THEN 1 ELSE 0 END DESC NULLS LAST, CASE json_typeof(posts.meta) WHEN 'number' THEN CAST(posts.meta #>> '{}' AS DOUBLE PRECISION) WHEN 'boolean' THEN CAST(CAST(posts.meta #>> '{}' AS BOOLEAN) AS INTEGER) END DESC NULLS LAST, CASE WHEN (json_typeof(posts.meta) IN ('string', 'array', 'object')) THEN posts.meta #>> '{}' END COLLATE \"C\" DESC NULLS LAST, posts.\"@rowid\" ASC",
        "CASE WHEN (CASE WHEN (json_type(json_extract(posts.meta, '$')) = 'STRING') THEN json_unquote(json_extract(posts.meta, '$')) COLLATE utf8mb4_nopad_bin WHEN (json_type(json_extract(posts.meta, '$')) IN ('ARRAY', 'OBJECT')) THEN json_compact(json_extract(posts.meta, '$')) COLLATE utf8mb4_nopad_bin END IS NOT NULL) THEN 1 ELSE 0 END DESC, CASE WHEN (json_type(json_extract(posts.meta, '$')) = 'BOOLEAN') THEN (json_unquote(json_extract(posts.meta, '$')) COLLATE utf8mb4_nopad_bin) = 'true' WHEN (json_type(json_extract(posts.meta, '$')) IN ('INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL')) THEN json_extract(posts.meta, '$') + 0e0 END DESC, CASE WHEN (json_type(json_extract(posts.meta, '$')) = 'STRING') THEN json_unquote(json_extract(posts.meta, '$')) COLLATE utf8mb4_nopad_bin WHEN (json_type(json_extract(posts.meta, '$')) IN ('ARRAY', 'OBJECT')) THEN json_compact(json_extract(posts.meta, '$')) COLLATE utf8mb4_nopad_bin END DESC, posts.`@rowid` ASC",
    ),
    (
        "author.name",
        "OUTER JOIN people AS t1 ON t1.id = posts.author ORDER BY t1.name ASC",
        'OUTER JOIN people AS t1 ON t1.id = posts.author ORDER BY t1.name COLLATE "C" ASC NULLS FIRST, posts."@rowid" ASC',
        "OUTER JOIN people AS t1 ON t1.id = posts.author ORDER BY t1.name ASC, posts.`@rowid` ASC",
    ),
    (
        "-editors.age",
        "(SELECT max(t2.age) AS max_1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN json_each(posts.editors) AS t1 ON 1 = 1 LEFT OUTER JOIN people AS t2 ON t2.id = t1.value) DESC",
        '(SELECT max(t2.age) AS max_1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN json_array_elements_text(CAST(posts.editors AS JSON)) AS t1 ON true LEFT OUTER JOIN people AS t2 ON t2.id = t1.value) DESC NULLS LAST, posts."@rowid" ASC',
        "(SELECT max(t2.age) AS max_1 FROM (SELECT 1 AS one) AS unit LEFT OUTER JOIN JSON_TABLE(posts.editors, '$[*]' COLUMNS (value LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS t1 ON true = 1 LEFT OUTER JOIN people AS t2 ON t2.id = t1.value) DESC, posts.`@rowid` ASC",
    ),
    (
        "@random",
        "random()",
        'random(), posts."@rowid" ASC',
        "rand(), posts.`@rowid` ASC",
    ),
    (
        "@rowid",
        "posts.rowid ASC",
        'posts."@rowid" ASC',
        "posts.`@rowid` ASC",
    ),
]
RECORDS = {
    "sqlite": "'{\"age\":' || json_quote(people.age) || ',\"collectionId\":\"people\",\"collectionName\":\"people\",\"email\":' || json_quote(people.email) || ',\"emailVisibility\":' || CASE WHEN people.\"emailVisibility\" THEN 'true' ELSE 'false' END || ',\"id\":' || json_quote(people.id) || ',\"name\":' || json_quote(people.name) || ',\"skills\":' || people.skills || ',\"team\":' || json_quote(people.team) || ',\"verified\":' || CASE WHEN people.verified THEN 'true' ELSE 'false' END || '}'",
    "postgresql": "'{\"age\":' || CASE WHEN (trunc(people.age) = people.age AND abs(people.age) < 9e+18) THEN CAST(CAST(people.age AS BIGINT) AS TEXT) ELSE CAST(people.age AS TEXT) END || ',\"collectionId\":\"people\",\"collectionName\":\"people\",\"email\":' || CAST(to_json(people.email) AS TEXT) || ',\"emailVisibility\":' || CASE WHEN people.\"emailVisibility\" THEN 'true' ELSE 'false' END || ',\"id\":' || CAST(to_json(people.id) AS TEXT) || ',\"name\":' || CAST(to_json(people.name) AS TEXT) || ',\"skills\":' || CAST(people.skills AS TEXT) || ',\"team\":' || CAST(to_json(people.team) AS TEXT) || ',\"verified\":' || CASE WHEN people.verified THEN 'true' ELSE 'false' END || '}'",
    "mysql": "concat('{\"age\":', CASE WHEN (floor(people.age) = people.age AND abs(people.age) < 9e+18) THEN concat(CAST(people.age AS SIGNED INTEGER)) ELSE concat(people.age) END, ',\"collectionId\":\"people\",\"collectionName\":\"people\",\"email\":', json_quote(people.email) COLLATE utf8mb4_nopad_bin, ',\"emailVisibility\":', CASE WHEN people.`emailVisibility` THEN 'true' ELSE 'false' END, ',\"id\":', json_quote(people.id) COLLATE utf8mb4_nopad_bin, ',\"name\":', json_quote(people.name) COLLATE utf8mb4_nopad_bin, ',\"skills\":', people.skills, ',\"team\":', json_quote(people.team) COLLATE utf8mb4_nopad_bin, ',\"verified\":', CASE WHEN people.verified THEN 'true' ELSE 'false' END, '}')",
}

BACK_EXPANDS = {
    "sqlite": "WHERE (EXISTS (SELECT 1 FROM json_each(posts.editors) AS refs WHERE refs.value IN (SELECT ids.value FROM json_each(?) AS ids))) AND (posts.status = ? OR posts.author = '' OR posts.author IS NULL) LIMIT 50001 OFFSET ?",
    "postgresql": "WHERE (EXISTS (SELECT 1 FROM json_array_elements_text(CAST(posts.editors AS JSON)) AS refs WHERE refs.value IN (SELECT ids.value FROM json_array_elements_text(CAST(%s AS JSON)) AS ids))) AND (posts.status = CAST(%s AS TEXT) OR posts.author = '' OR posts.author IS NULL) ORDER BY posts.\"@rowid\" ASC LIMIT 50001",
    "mysql": "WHERE (EXISTS (SELECT 1 FROM JSON_TABLE(posts.editors, '$[*]' COLUMNS (value LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS refs WHERE refs.value IN (SELECT ids.value FROM JSON_TABLE(%s, '$[*]' COLUMNS (value LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS ids))) AND (posts.status = %s OR posts.author = '' OR posts.author IS NULL) ORDER BY posts.`@rowid` ASC LIMIT 50001",
}
