"""Rules that are too dear for any object: what the API server estimates before it takes a definition.

A rule of items of which there may be a million is refused with a tenth of its cost in the message, so that equal
messages are equal estimates. Every rule gets a part that costs enough to be refused by itself.
"""
from steps import CRDS, Step

MANY = 1_000_000
TEXT = {"type": "string", "maxLength": 100}
FIELDS = {
    "s": {"type": "string"}, "t": TEXT, "e": {"type": "string", "enum": ["red", "ultramarine"]}, "b": {"type": "string", "format": "byte", "maxLength": 40},
    "d": {"type": "string", "format": "date-time"}, "day": {"type": "string", "format": "date"}, "du": {"type": "string", "format": "duration"}, "i": {"type": "integer"}, "n": {"type": "number"}, "on": {"type": "boolean"},
    "either": {"x-kubernetes-int-or-string": True}, "share": {"x-kubernetes-int-or-string": True, "maxLength": 10},
    "few": {"type": "array", "maxItems": 10, "items": {"type": "integer"}}, "words": {"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 20}},
    "tags": {"type": "object", "maxProperties": 7, "additionalProperties": {"type": "string", "maxLength": 30}}, "parts": {"type": "array", "maxItems": 5, "items": {"type": "object", "properties": {"id": {"type": "string", "maxLength": 9}, "size": {"type": "integer"}}}},
    "rows": {"type": "array", "maxItems": 4, "items": {"type": "array", "maxItems": 6, "items": {"type": "integer"}}}, "odd-name": {"type": "string", "maxLength": 3}, "empty": {"type": "object"}}
RULES = (
    # names, fields, operators
    "true", "self.i == 1", "self.i + 1 > 2 * 3", "!self.on", "-self.i < -3", "self.n >= 0.5", "self.on && self.i > 1", "self.i == self.i", "self.e == self.e", "self.b == self.b", "self.d < self.d", "self.day == self.day", "self.du == duration('1h')", "self.t < self.t",
    "self.t == 'abc'", "self.t + 'a' == self.t", "size(self.t + self.t) > 3 && self.t + self.t == self.t + self.t", "self.odd__dash__name == self.t", "has(self.t) ? self.t == 'a' : self.i == 3", "has(self.parts)", "self.empty == self.empty",
    # types that are open
    "type(self.either) == string || self.share == '10%'", "self.share == self.share", "string(self.share) == self.t", "dyn(self.t) == self.t", "self.share == 3", "self.?t.orValue('') == self.t", "self.?i.orValue(3) == self.i", "self.?t.hasValue()", "self.?t.optMap(x, x + 'a').orValue('b') == 'b'",
    # lists and maps
    "self.words.all(w, w.size() > 1)", "self.words.exists(w, w == self.t)", "self.words.exists_one(w, w == 'a')", "self.words.map(w, w + 'a').size() > 1", "self.words.map(w, w != '', w + 'a').size() > 1", "self.words.filter(w, w != '').size() > 1",
    "self.words.all(w, self.words.exists(v, v == w))", "self.rows.all(r, r.all(c, c > 0))", "self.rows[0][1] == 1", "self.words[0] == self.t", "self.tags.all(k, k.size() > 1)", "self.tags.all(k, self.tags[k] == 'x')", "self.tags['a'] == self.t", "self.tags.a == self.t", "'a' in self.tags", "self.i in self.few",
    "self.t in ['a', 'b', 'c']", "self.parts.all(p, p.id == self.t)", "self.parts.all(p, self.parts.exists(q, q.id == p.id && q.size > p.size))", "[self.t, 'a'].all(x, x == self.t)", "{'a': self.t}.all(k, k == self.t)", "{'a': self.t}['a'] == self.t", "[1, 2, 3].exists(x, x == self.i)", "[] == self.few", "self.few + [1] == self.few",
    "self.words.map(w, w + 'a').all(v, v == self.t)", "self.words.filter(w, w != '').all(v, v == self.t)", "self.words.all(i, w, i < 3 && w == 'a')", "self.tags.exists(k, v, k == v)", "sets.contains(self.few, [1, 2])", "sets.equivalent(self.few, [1, 2])", "self.few == self.few",
    # functions
    "self.t.startsWith(self.t)", "self.t.endsWith('abc')", "self.t.matches('^(a|b)+$')", "self.t.contains('abc')", "self.t.contains(self.t)", "self.t.lowerAscii() == self.t", "self.t.trim().size() > 1", "self.t.substring(1, 2) == self.t", "self.t.indexOf('a') > 1", "self.t.replace('a', 'bb') == self.t", "self.t.replace('', 'b').size() > 0",
    "self.t.replace('aa', 'b') == self.t", "self.t.split(',').size() < 3", "self.t.split(',').all(x, x == 'a')", "self.words.join(',') == 'a'", "self.words.isSorted()", "self.few.isSorted()", "self.few.sum() > 1", "self.few.max() > 1", "self.words.indexOf('a') > 1", "'%d'.format([self.i]) == 'x'",
    "quantity(self.t).isGreaterThan(quantity('1'))", "isQuantity(self.t)", "quantity(self.t) == quantity(self.t)", "duration(self.t) > duration('1s')", "timestamp(self.t) == self.d", "self.d.getHours() == self.d.getMinutes()", "self.du.getSeconds() > 3", "int(self.t) == self.i", "double(self.i) < 0.5",
    "string(self.i) == self.e", "self.t.find('a+') == 'a'", "self.t.findAll('a').size() > 0", "isIP(self.t)", "ip(self.t).family() == 4", "cidr(self.t).containsIP(ip(self.t))", "url(self.t).getHost() == 'a'", "isURL(self.t)", "semver('1.2.3').major() == self.i", "type(self.i) == int", "self.i == 3 ? self.t == 'a' : self.t == self.e",
    # nothing bounds these
    "self.s == self.s", "self.s.matches('a+')", "string(self.i) == string(self.n)", "self.s.contains(self.s)", "self.either == self.either", "self.words.map(w, string(self.i)).join(',') == self.s", "url(self.t) != url(self.t)")


def definition(schema):
    root = {"type": "object", "properties": {"spec": schema}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "dears.dear.stowage.dev"},
            "spec": {"group": "dear.stowage.dev", "names": {"plural": "dears", "kind": "Dear"}, "scope": "Namespaced", "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}]}}


def ruled(schema, *rules, **message):
    return {**schema, "x-kubernetes-validations": [{"rule": rule, **message} for rule in rules]}


def objects(of, most=None):
    return {"type": "object", "properties": {"list": {"type": "array", "items": of, **({"maxItems": most} if most is not None else {})}}}


def mapped(of, most=None):
    return {"type": "object", "additionalProperties": of, **({"maxProperties": most} if most is not None else {})}


def schemas():
    fields = {"type": "object", "properties": FIELDS}
    same = "self == self"
    inner = {"type": "object", "properties": {"id": TEXT, "at": {"type": "string", "format": "date-time"}, "on": {"type": "boolean", "default": True}, "more": {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}}}}}
    yield "no more than a limit each", objects(ruled(TEXT, same), 200_000)
    yield "one above it", objects(ruled(TEXT, same), 300_000)
    yield "list without an end", objects(ruled(TEXT, same))
    yield "list of a list without an end", objects({"type": "array", "items": ruled(TEXT, same)}, 3)
    yield "list of a list that ends", objects({"type": "array", "maxItems": 700, "items": ruled(TEXT, same)}, 900)
    yield "map without an end", mapped(ruled(TEXT, same))
    yield "map that ends", mapped(ruled(TEXT, same), 400_000)
    for required in ([], ["id"], ["id", "at"], ["id", "at", "on"], ["id", "at", "more"]):
        yield f"as many as a request holds, with {required}", objects(ruled({**inner, "required": required}, "self.id == self.id && self.id != 'a'"))
    yield "list in a list", ruled({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}, "self.a.all(x, self.a.all(y, x == y))")
    yield "list of objects, unbounded", ruled({"type": "object", "properties": {"a": {"type": "array", "items": {**inner, "required": ["id"]}}}}, "self.a.all(x, x.id != 'a')")
    yield "map of texts, unbounded", ruled({"type": "object", "properties": {"a": mapped({"type": "string"})}}, "self.a.all(k, self.a[k] != 'a')")
    yield "all together", ruled({"type": "object", "properties": {name: objects(ruled(TEXT, same), 200_000 - 1_000 * i) for i, name in enumerate("abcdefghijklmn")}}, "self.a == self.a")
    yield "all together, with messages", ruled({"type": "object", "properties": {"a": objects(ruled(TEXT, *["self == 'abcdefghijklmnopqrs'"] * 60), 900_000)}}, "self.a == self.a")
    yield "dear message", ruled(fields, "true", messageExpression="self.s + self.s + string(self.i)")
    yield "cheap message", objects(ruled(fields, "true", messageExpression="'a' + self.t"), MANY)
    yield "embedded resource", objects(ruled({"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}, "self.metadata.name == self.kind", "self.metadata.name == self.metadata.generateName"), 20_000)
    yield "none at all", objects(ruled(TEXT, "self.matches('(a|b|c)+')"), 0)
    yield "limits below zero", objects(ruled({"type": "string", "maxLength": -1}, same), MANY)


def step(name, schema):
    return Step(name, "POST", CRDS + "?dryRun=All", definition(schema), ignore=("metadata", "status"))


def steps():
    for rule in RULES:
        items = {"type": "object", "properties": FIELDS}
        yield step("rule: " + rule, objects(ruled(items, f"({rule}) || self.t == self.t"), MANY))
    for name, schema in schemas():
        yield step(name, schema)
