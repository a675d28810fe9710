#include "sandbox/apiserver/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/documents.h"
#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/output.h"
#include "sandbox/apiserver/parsed.h"
#include "sandbox/apiserver/watch.h"
#include "sandbox/apiserver/yaml_write.h"

namespace stowage::sandbox {
namespace {

/// Escapes are read before the path is taken apart: an escaped slash is a slash. Empty segments stay, but for
/// one at the end.
std::vector<std::string> path_segments(std::string_view escaped) {
  const std::string path = percent_decode(escaped, false);
  std::vector<std::string> out;
  for (size_t at = path.starts_with('/') ? 1 : 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

struct Route {
  std::string group, version, ns, plural, name, subresource;
  bool watch = false;  ///< The old /watch/ prefix.
};

/// /api/v1/..., /apis/G/V/...; nothing when the path names no resource.
std::optional<Route> route_of(const std::vector<std::string>& s) {
  Route r;
  size_t i = 0;
  if (s.size() >= 3 && s[0] == "api") {
    r.version = s[1];
    i = 2;
  } else if (s.size() >= 4 && s[0] == "apis") {
    r.group = s[1];
    r.version = s[2];
    i = 3;
  } else {
    return std::nullopt;
  }
  if (s[i] == "watch" && i + 1 < s.size()) r.watch = true, ++i;
  // /namespaces/NAME and its subresources are the namespace itself; anything longer is inside of it.
  const bool own_part = i + 2 < s.size() && (s[i + 2] == "status" || s[i + 2] == "finalize");
  if (s[i] == "namespaces" && i + 2 < s.size() && !own_part) {
    r.ns = s[i + 1];
    i += 2;
  }
  r.plural = s[i++];
  if (i < s.size()) r.name = s[i++];
  while (i < s.size())
    r.subresource += (r.subresource.empty() ? "" : "/") + s[i++];
  return r;
}

bool serves(const std::vector<std::string>& verbs, std::string_view verb) {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

Answer<void> read_options(Call& call) {
  const std::string& method = call.request.method;
  if (method == "DELETE") return {};  // its options may stand in the body
  const char* options = method == "PATCH" ? "PatchOptions"
                        : method == "PUT" ? "UpdateOptions"
                                          : "CreateOptions";
  const std::string_view dry = call.query.get("dryRun");
  if (call.query.has("dryRun") && dry != "All") {
    return invalid({"meta.k8s.io", "", options, ""},
                   {{"FieldValueNotSupported",
                     fmt::format("Unsupported value: [\"{}\"]: supported values: \"All\"", dry), "dryRun"}});
  }
  call.dry_run = dry == "All";
  const std::string_view validation = call.query.get("fieldValidation");
  if (!validation.empty() && validation != "Ignore" && validation != "Warn" && validation != "Strict") {
    return invalid(
        {"meta.k8s.io", "", options, ""},
        {{"FieldValueNotSupported",
          fmt::format("Unsupported value: \"{}\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
                      validation),
          "fieldValidation"}});
  }
  call.validation = validation == "Ignore"   ? FieldValidation::kIgnore
                    : validation == "Strict" ? FieldValidation::kStrict
                                             : FieldValidation::kWarn;
  call.manager = call.query.get("fieldManager");
  if (call.manager.size() > 128) {
    return invalid({"meta.k8s.io", "", options, ""},
                   {{"FieldValueTooLong", "Too long: may not be more than 128 bytes", "fieldManager"}});
  }
  for (size_t i = 0; i < call.manager.size(); ++i) {
    const auto c = static_cast<unsigned char>(call.manager[i]);
    if (c >= 0x20 && c != 0x7f) continue;
    const std::string quoted = c == '\n'   ? "\\n"
                               : c == '\t' ? "\\t"
                               : c == '\r' ? "\\r"
                                           : fmt::format("\\x{:02x}", c);
    return invalid({"meta.k8s.io", "", options, ""},
                   {{"FieldValueInvalid",
                     fmt::format("Invalid value: \"{}{}{}\": invalid character U+{:04X} (at position {})",
                                 call.manager.substr(0, i), quoted, call.manager.substr(i + 1), c, i),
                     "fieldManager"}});
  }
  if (call.manager.empty())
    call.manager = call.request.user_agent.substr(0, call.request.user_agent.find('/'));
  if (call.manager.empty()) call.manager = "unknown";
  return {};
}

template <class F>
Answer<Response> written(Core& core, Call& call, F&& write) {
  auto result = write(core, call);
  if (!result) return std::unexpected(std::move(result).error());
  if (result->stored == nullptr || form_of(call.request.accept) != Form::kPlain)
    return respond_object(core, call, result->status, result->object);
  Response response;
  response.status = result->status;
  response.body = served_text(*call.resource, *result->stored);
  response.body += '\n';
  return response;
}

Answer<Written> post_object(Core& core, Call& call) {
  auto body = decode_body(core, call);
  if (!body) return std::unexpected(std::move(body).error());
  if (auto r = conform(core, call, *call.resource, *body); !r) return std::unexpected(std::move(r).error());
  return create_object(core, call, *std::move(body));
}

Answer<Response> serve_subresource(Core& core, Call& call) {
  const std::string& method = call.request.method;
  const std::string& sub = call.subresource;
  const bool pod = call.resource->kind == "Pod" && call.resource->group.empty();
  if (pod && sub == "binding" && method == "POST") return bind_pod(core, call);
  if (pod && sub == "eviction" && method == "POST") return evict_pod(core, call);
  const std::string_view door = std::string_view(sub).substr(0, sub.find('/'));
  if (pod && (door == "log" || door == "proxy" || door == "exec" || door == "attach" ||
              door == "portforward" || door == "ephemeralcontainers"))
    return reach_into_pod(core, call);
  const Subresource* known = call.resource->subresource(sub);
  if (known == nullptr) return no_such_path();
  if (method == "GET" && serves(known->verbs, "get")) return get_object(core, call);
  if (method == "PUT" && serves(known->verbs, "update")) return written(core, call, put_object);
  if (method == "PATCH" && serves(known->verbs, "patch")) return written(core, call, patch_object);
  return method_not_allowed("the server does not allow this method on the requested resource");
}

/// Numbers among the options of a list, a watch or a deletion of many.
Answer<void> check_numbers(const Call& call) {
  for (const char* name : {"limit", "timeoutSeconds"}) {
    const std::string_view text = call.query.get(name);
    if (text.empty()) continue;
    if (auto value = whole_number(text); !value) return std::unexpected(std::move(value).error());
  }
  return {};
}

Answer<Response> serve_collection(Core& core, Call& call, bool watching) {
  const Resource& r = *call.resource;
  const std::string& method = call.request.method;
  if (method != "POST") {
    if (auto checked = check_numbers(call); !checked) return std::unexpected(std::move(checked).error());
  }
  if (method == "GET" && watching && serves(r.verbs, "watch")) {
    if (prefers_yaml(call.request.accept)) return not_acceptable();  // no framing is defined for it
    return watch_objects(core, call);
  }
  if (method == "GET" && serves(r.verbs, "list")) return list_objects(core, call);
  if (method == "POST" && r.kind.starts_with("SelfSubject")) return review_access(core, call);
  if (method == "POST" && serves(r.verbs, "create") && (!r.namespaced || !call.ns.empty()))
    return written(core, call, post_object);
  if (method == "DELETE" && serves(r.verbs, "deletecollection") && (!r.namespaced || !call.ns.empty()))
    return delete_collection(core, call);
  return method_not_allowed("the server does not allow this method on the requested resource");
}

Answer<Response> serve_resource(Core& core, Call& call, const Route& route) {
  call.resource = core.registry.find(route.group, route.version, route.plural);
  if (call.resource == nullptr || (!route.ns.empty() && !call.resource->namespaced)) return no_such_path();
  if (call.resource->kind == "Endpoints" && call.resource->group.empty())
    call.warnings.emplace_back("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice");
  call.ns = route.ns;
  call.name = route.name;
  call.subresource = route.subresource;
  if (auto r = read_options(call); !r) return std::unexpected(std::move(r).error());
  if (!call.subresource.starts_with("log") && !call.subresource.starts_with("proxy") &&
      !acceptable(call.request.accept)) {
    return not_acceptable();
  }
  if (const std::string_view include = call.query.get("includeObject");
      form_of(call.request.accept) == Form::kTable && !include.empty() && include != "None" &&
      include != "Metadata" && include != "Object") {
    return bad_request(fmt::format("unrecognized includeObject value: {}", go_quote(include)));
  }
  const bool watching = route.watch || call.query.flag("watch");
  if (call.name.empty()) return serve_collection(core, call, watching);
  if (call.resource->namespaced && call.ns.empty()) return no_such_path();
  if (call.name == "." || call.name == "..")
    return bad_request(fmt::format("Name parameter invalid: \"{0}\": may not be '{0}'", call.name));
  if (!call.subresource.empty()) return serve_subresource(core, call);
  const std::string& method = call.request.method;
  if (method == "GET") return watching ? watch_objects(core, call) : get_object(core, call);
  if (method == "PUT") return written(core, call, put_object);
  if (method == "PATCH") return written(core, call, patch_object);
  if (method == "DELETE") return delete_object(core, call);
  return method_not_allowed("the server does not allow this method on the requested resource");
}

Answer<Response> serve(Core& core, Call& call) {
  if (const std::string_view escape = bad_escape(call.request.path); !escape.empty())
    return bad_request(fmt::format("invalid URL escape \"{}\"", escape));
  const auto segments = path_segments(call.request.path);
  if (segments.size() == 1 && segments[0] == "version" && prefers_yaml(call.request.accept))
    return not_acceptable();  // the one document that the real server has in JSON alone
  if (auto document = serve_document(core, call, segments)) return *std::move(document);
  const bool proxied = std::find(segments.begin(), segments.end(), "proxy") != segments.end();
  if (!proxied && std::find(segments.begin(), segments.end(), "") != segments.end()) return no_such_path();
  const auto route = route_of(segments);
  if (!route) return no_such_path();
  return serve_resource(core, call, *route);
}

/// A warning is a quoted string in a header: no line breaks, quotes escaped.
std::string warning_header(const std::string& text) {
  std::string out = "299 - \"";
  for (const char c : text.substr(0, 1024)) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

/// Answers are made as JSON; a client that prefers YAML gets the same document.
void translate(std::string_view accept, Response& response) {
  if (response.watch != nullptr || response.content_type != "application/json" || !prefers_yaml(accept))
    return;
  const Json tree = parse_stored(response.body);
  if (tree.is_discarded()) return;
  response.body = to_yaml(tree);
  response.content_type = "application/yaml";
}

}  // namespace

Core::Core(ServerOptions opts)
    : options(opts),
      builtins(shared_builtins()),
      store(opts.history),
      registry(*builtins),
      random(opts.seed) {}

Core::Core(const Core& other, uint64_t seed)
    : options(other.options),
      builtins(other.builtins),
      store(other.store),
      registry(other.registry.fork()),
      random(seed),
      orphan_candidates(other.orphan_candidates),
      terminating_namespaces(other.terminating_namespaces),
      terminating_definitions(other.terminating_definitions),
      budgets_dirty(other.budgets_dirty),
      now(other.now),
      crd_changes(other.crd_changes),
      new_namespaces(other.new_namespaces),
      revisions(other.revisions) {
  options.seed = seed;
  graph.rebuild(registry);
}

ResourcePtr Core::builtin(std::string_view group, std::string_view plural) const {
  for (const ResourcePtr& r : registry.all()) {
    if (!r->custom && r->plural == plural && r->group == group) return r;
  }
  STOWAGE_CHECK(false, "a built-in resource is missing from the table");
  return nullptr;
}

Server::Server(ServerOptions options) : core_(std::make_unique<Core>(options)) {}
Server::Server(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Server::~Server() = default;
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;

Server Server::fork(uint64_t seed) const {
  return Server(std::make_unique<Core>(*core_, seed));
}

Response Server::handle(const Request& request, WallTime now) {
  core_->now = std::max(core_->now, now);
  Call call{.request = request, .query = Query(request.query), .now = now};
  Answer<Response> answer = internal_error("no answer");
  try {
    answer = serve(*core_, call);
  } catch (const std::exception& e) {
    // Tree access that a client's odd document made impossible ends here instead of ending the process.
    answer = internal_error(e.what());
  }
  Response response;
  if (answer) {
    response = *std::move(answer);
  } else {
    response.status = answer.error().code;
    response.body = answer.error().to_status_json();
    if (answer.error().retry_after_seconds > 0) {
      response.headers.emplace_back("Retry-After", std::to_string(answer.error().retry_after_seconds));
    }
  }
  translate(request.accept, response);
  for (const std::string& warning : call.warnings)
    response.headers.emplace_back("Warning", warning_header(warning));
  return response;
}

bool Server::step(WallTime now) {
  core_->now = std::max(core_->now, now);
  return run_loops(*core_, now);
}

bool Server::has_work() const {
  return !core_->orphan_candidates.empty() || !core_->terminating_namespaces.empty() ||
         !core_->terminating_definitions.empty() || core_->budgets_dirty || !core_->new_namespaces.empty();
}

void Server::attach(PodContents* contents) {
  core_->contents = contents;
}

uint64_t Server::version() const {
  return core_->store.version();
}

void Server::compact() {
  for (const ResourcePtr& r : core_->registry.all())
    core_->store.compact(*r->collection);
}

size_t Server::object_count() const {
  std::set<const Collection*> counted;
  size_t out = 0;
  for (const ResourcePtr& r : core_->registry.all()) {
    if (counted.insert(r->collection.get()).second) out += r->collection->objects().size();
  }
  return out;
}

}  // namespace stowage::sandbox
