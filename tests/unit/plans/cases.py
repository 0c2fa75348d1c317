"""What the databases are asked: filters, sorts, expands and rules, with the unlikely among them."""

from __future__ import annotations

FILTERS = tuple(
    line
    for line in r"""
title = 'a'
title != 'a'
title = ''
title != null
title ~ 'A'
title !~ 'a'
title ~ 'ä'
title ~ '50%'
title ~ 'a_b'
title ~ 'A%b'
title ~ '\\'
title ~ '%\\'
title > 'a'
title <= 'Z'
title = 7
title > 7
title = true
title:lower = 'abc'
title:lower ~ 'zoË'
score = 7
score != 7
score = '7'
score > '3'
score < 'x'
score ~ '7'
score:lower = '7'
score = ''
score != null
score = title
score > title
score <= other
title = other
title < other
other ~ title
title ~ score
score = views
score >= views
active = true
active != true
active > false
active = 1
active = '1'
active ~ '1'
true = active
labels = '["a"]'
labels ~ 'a'
labels > 'a'
labels:each = 'a'
labels:each ?= 'a'
labels:each != 'a'
labels:each ?!= 'a'
labels:each ~ 'A'
labels:each ?> 'b'
labels:each < 'c'
labels:length = 2
labels:length > 1
labels:length = '2'
status:length = 1
meta = null
meta = ''
meta != ''
meta = 'x'
meta = 5
meta = '5'
meta = true
meta != true
meta > 5
meta < 7
meta < 'x'
meta >= 'X'
meta ~ 'x'
meta ~ '1'
meta !~ 'x'
meta:lower = 'x'
meta.a = 1
meta.a = '1'
meta.a = null
meta.a != null
meta.a.b ~ 'ä'
meta.a.b > 2
meta.a.0 = 1
meta.a.2.b = 'x'
meta.0 = 1
meta.0 = 'zero'
meta.c.1 ~ 'TWO'
meta.a = meta.b
meta.a < meta.b
meta.a >= meta.a
meta.a = title
meta.a = score
meta.a > score
meta > title
meta ~ '["x"'
geo.lon > 1
geo.lat = 47.37
geoDistance(geo.lon, geo.lat, 8.5, 47.4) < 100
geoDistance(meta.a, geo.lat, 8.5, 47.4) > 100
geoDistance(score, views, 8.5, 47.4) > 100
published > '2024'
published < @now
published = @todayStart
published >= '2024-02-29 12:30:15.123Z'
@year > 2000
title = @year
strftime('%Y', published) = '2024'
strftime('%Y-%m-%d %H:%M:%f', published) = '2024-02-29 12:30:15.123'
strftime('%w', published) = '4'
strftime('%s', published) > '1'
strftime('%j %u %G-%V', published) ~ '3'
strftime('%F %T', published, '+1 month') = '2024-03-02 10:00:00'
strftime('%d', published, 'start of month', '+36 hours') = '02'
strftime('%Y', published, 'start of year', '-1 day') = '2023'
strftime('%Y', title) = '2024'
strftime('%Y') > '2000'
strftime('%Y%%"x"\n', published) ~ '4%"x"'
strftime('%!', published) = null
strftime('%Y', published) = published
author.name = 'Ann'
author.name != 'Ann'
author.name = null
author.age > 5
author.email ~ 'person'
author.team.rank > 1
editors.name = 'Ann'
editors.name ?= 'Ann'
editors.name != 'Ann'
editors.name ?!= 'Ann'
editors.age > 5
editors.age ?<= 7
editors.name ~ 'n'
editors.name ?~ 'n'
editors.name !~ 'n'
editors.id = 'person000000001'
editors.id ?= 'person000000001'
editors ~ 'person000000001'
editors:length > 1
editors.team.title ?~ 'a'
editors.skills:each ?= 'go'
editors.skills:each = 'go'
editors.skills:length ?> 1
editors.verified ?= true
editors.email ~ 'person'
editors.name ?= 'Ann' && editors.age ?> 5
editors.team.rank != 'x'
next.score = 'x'
next.score != '7'
next.title = title
next.next.title != ''
next.labels:each ?= 'a'
next.meta.a = 1
comments_via_post.text ?~ 'a'
comments_via_post.likes > 1
comments_via_post.likes ?> 1
comments_via_post.id = null
comments_via_post.author.name ?= 'Ann'
comments_via_post.flags:each ?= 'spam'
comments_via_post.flags:length ?= 2
details_via_post.note ~ 'a'
details_via_post.note = ''
details_via_post.readers.name ?= 'Ann'
locked_via_post.title = 'hidden'
@collection.teams.rank ?> score
@collection.teams.rank > score
@collection.teams:x.title ?= title
@request.auth.id = author
@request.auth.team.rank > score
@request.body.n = score
@request.body.t = title
@request.body.l ~ 'a'
@request.body.labels:each ?= 'a'
@request.method = 'GET' && title > 'a'
id = 'post00000000003'
1 = 1
1 > 2
null = ''
7 ~ '7'
'abc' ~ title
(title = 'a' || score > 3) && active = true
title = 'a' || editors.name ?= 'Ann'
nope = 1
author.tokenKey != ''
""".splitlines()
    if line
)

SORTS = (
    "title", "-title", "score", "-score", "active,-title", "-active", "meta", "-meta", "meta.a", "-meta.a,title", "labels",
    "-labels", "labels:length", "title:lower,-title", "-published", "author.name", "-author.age,score", "author.email",
    "-author.verified", "editors.name", "-editors.name", "editors.age", "-editors.age", "next.meta", "-next.meta",
    "geo.lon", "@rowid", "-@rowid", "editors.verified", "nope", "+score,-views", "",
)  # fmt: skip

EXPANDS = (
    ("posts", "author,editors,next,comments_via_post,details_via_post.readers,author.team"),
    ("people", "team,posts_via_author,posts_via_editors.next"),
    ("comments", "post.author,author,post.editors.team"),
    ("details", "post,readers"),
    ("board", "author"),
)

RULES = (
    "id = @request.auth.id || author = @request.auth.id",
    "author.team.rank > 1 && status != 'draft'",
    "@request.body.title = title",
    "@request.body.title:isset = true && @request.body.score > score",
    "@request.body.score = '7'",
    "@request.body.labels:length > 1 && @request.body.labels:each ?= 'a'",
    "@request.body.editors.name ?= 'Ann'",
    "@request.body.author.name ~ 'a'",
    "@request.body.meta.a = meta.a",
    "@request.body.title:changed = true",
    "@request.body.active = active",
    "@request.body.missing = ''",
    "@request.query.q = 'a' && @request.method = 'POST'",
    "@request.auth.verified = true",
    "@request.auth.skills:each ?= 'go'",
    "@collection.posts.score ?> score",
    "@collection.teams.title != title",
    "labels:each != 'a' && editors.age ?> 5",
    "geoDistance(geo.lon, geo.lat, 8.5, 47.4) < 100 || meta.a = 1",
    "score >= 0 && views > score && active = true",
)
