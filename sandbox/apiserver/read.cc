#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/coerce.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/output.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sandbox {
namespace {

/// A list's complaint begins with words of its own; one object and a watch answer 500 to a bad version.
Answer<uint64_t> read_version(std::string_view text, bool list) {
  if (text.empty()) return 0;
  uint64_t value = 0;
  const auto [at, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || at != text.data() + text.size()) {
    const std::string why =
        fmt::format("resourceVersion: Invalid value: \"{0}\": strconv.ParseUint: parsing \"{0}\": {1}", text,
                    failure == std::errc::result_out_of_range ? "value out of range" : "invalid syntax");
    if (list) return bad_request("invalid resource version: " + why);
    ApiError error;
    error.message = why;
    return Refusal(std::move(error));
  }
  return value;
}

/// 504 with the cause that clients look for.
Refusal future_version(uint64_t asked, uint64_t have) {
  ApiError error;
  error.code = 504;
  error.reason = "Timeout";
  error.message = fmt::format("Timeout: Too large resource version: {}, current: {}", asked, have);
  error.causes.push_back({"ResourceVersionTooLarge", "Too large resource version", ""});
  error.retry_after_seconds = 1;
  return Refusal(std::move(error));
}

struct Page {
  uint64_t version = 0;
  std::string after;
};

std::string make_continue(const Page& page) {
  std::string out =
      base64_encode(dump({{"v", "meta.k8s.io/v1"}, {"rv", page.version}, {"start", page.after}}));
  for (char& c : out)
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out.substr(0, out.find('='));
}

Answer<Page> read_continue(std::string token) {
  const auto wrong = [](const std::string& why) {
    return bad_request("invalid continue token: continue key is not valid: " + why);
  };
  // The alphabet of URLs, without padding.
  for (char& c : token)
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  token.append((4 - token.size() % 4) % 4, '=');
  const std::string text = base64_decode(token);
  const Json value = Json::parse(text, nullptr, false);
  if (text.empty()) return wrong("illegal base64 data at input byte 0");
  if (!value.is_object()) return wrong("it is no JSON object");
  const std::string made = string_at(value, {"v"});
  if (made != "meta.k8s.io/v1") return wrong("server does not recognize this encoded version " + made);
  const Json* version = find(value, "rv");
  if (version == nullptr || !version->is_number_unsigned() || *version == 0)
    return wrong("incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  const std::string start = string_at(value, {"start"});
  if (start.empty()) return wrong("encoded start key empty (version meta.k8s.io/v1)");
  if (("/" + start + "/").find("/../") != std::string::npos) return wrong(start);
  return Page{version->get<uint64_t>(), start};
}

struct ListOptions {
  uint64_t version = 0;
  bool exact = false;
  Page page;
  bool continued = false;
  size_t limit = 0;
};

Answer<ListOptions> read_list_options(const Core& core, const Call& call) {
  ListOptions out;
  if (call.query.has("sendInitialEvents")) {
    return invalid(
        {"meta.k8s.io", "", "ListOptions", ""},
        {{"FieldValueForbidden", "Forbidden: sendInitialEvents is forbidden for list", "sendInitialEvents"}});
  }
  auto version = read_version(call.query.get("resourceVersion"), true);
  if (!version) return std::unexpected(std::move(version).error());
  out.version = *version;
  const std::string_view match = call.query.get("resourceVersionMatch");
  const Subject subject{"meta.k8s.io", "", "ListOptions", ""};
  if (!match.empty() && match != "Exact" && match != "NotOlderThan") {
    return invalid(
        subject,
        {{"FieldValueNotSupported",
          fmt::format("Unsupported value: \"{}\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
                      match),
          "resourceVersionMatch"}});
  }
  if (!match.empty() && !call.query.has("resourceVersion")) {
    return invalid(subject,
                   {{"FieldValueForbidden",
                     "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
                     "resourceVersionMatch"}});
  }
  if (match == "Exact" && call.query.get("resourceVersion") == "0") {
    return invalid(subject,
                   {{"FieldValueForbidden",
                     "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
                     "resourceVersionMatch"}});
  }
  out.exact = match == "Exact";
  const std::string_view limit = call.query.get("limit");
  std::from_chars(limit.data(), limit.data() + limit.size(), out.limit);
  if (const std::string_view token = call.query.get("continue"); !token.empty()) {
    auto page = read_continue(std::string(token));
    if (!page) return std::unexpected(std::move(page).error());
    if (out.version != 0)
      return bad_request("specifying resource version is not allowed when using continue");
    out.page = *std::move(page);
    out.continued = true;
  }
  if (out.version > core.store.version()) return future_version(out.version, core.store.version());
  return out;
}

/// The text of a list, put together from the stored texts without taking them apart.
std::string plain_list(const Resource& resource, const std::vector<ObjectPtr>& objects,
                       const std::string& metadata) {
  size_t bytes = metadata.size() + 200;
  for (const ObjectPtr& object : objects)
    bytes += object->body.size() + 1;
  std::string out;
  out.reserve(bytes);
  out += fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{},"items":[)", resource.list_kind,
                     resource.api_version(), metadata);
  for (size_t i = 0; i < objects.size(); ++i) {
    if (i > 0) out += ',';
    append_item(out, resource, *objects[i]);
  }
  out += "]}\n";
  return out;
}

std::string formed_list(const Call& call, const std::vector<ObjectPtr>& objects, const Json& metadata,
                        Form form) {
  const Resource& resource = *call.resource;
  std::vector<Json> trees;
  trees.reserve(objects.size());
  for (const ObjectPtr& object : objects)
    trees.push_back(read_object(resource, *object));
  Json out;
  if (form == Form::kTable) {
    std::vector<const Json*> pointers;
    pointers.reserve(trees.size());
    for (const Json& tree : trees)
      pointers.push_back(&tree);
    out = table_of(resource, pointers, include_of(call), call.now, true);
  } else {
    Json items = Json::array();
    for (const Json& tree : trees)
      items.push_back(partial_metadata(tree));
    out = {
        {"kind", "PartialObjectMetadataList"}, {"apiVersion", "meta.k8s.io/v1"}, {"items", std::move(items)}};
  }
  out["metadata"] = metadata;
  return dump(out) + "\n";
}

}  // namespace

Answer<Filter> read_filter(const Call& call) {
  Filter out;
  out.ns = call.ns;
  auto labels = LabelSelector::parse(call.query.get("labelSelector"));
  if (!labels) return std::unexpected(std::move(labels).error());
  out.labels = *std::move(labels);
  auto terms = parse_field_selector(call.query.get("fieldSelector"));
  if (!terms) return std::unexpected(std::move(terms).error());
  const auto& known = call.resource->collection->selectable_fields();
  const bool event_view = call.resource->group == "events.k8s.io";
  for (FieldTerm& term : *terms) {
    if (event_view && term.path.starts_with("regarding."))
      term.path = "involvedObject." + term.path.substr(10);
    int index = -3;
    if (term.path == "metadata.name") index = -1;
    if (term.path == "metadata.namespace") index = -2;
    const auto it = std::find(known.begin(), known.end(), term.path);
    if (it != known.end()) index = static_cast<int>(it - known.begin());
    if (index == -3) {
      return bad_request(call.resource->custom || !known.empty()
                             ? fmt::format("field label not supported: {}", term.path)
                             : fmt::format("\"{}\" is not a known field selector: only \"metadata.name\", "
                                           "\"metadata.namespace\"",
                                           term.path));
    }
    out.terms.push_back({index, term.value, term.equal});
  }
  // `metadata.name=x` in the path of a named watch is the same as a selector.
  if (!call.name.empty()) out.terms.push_back({-1, call.name, true});
  return out;
}

Answer<Response> get_object(Core& core, Call& call) {
  const Resource& resource = *call.resource;
  auto version = read_version(call.query.get("resourceVersion"), false);
  if (!version) return std::unexpected(std::move(version).error());
  if (*version > core.store.version()) return future_version(*version, core.store.version());
  const ObjectPtr object = resource.collection->get(resource.key(call.ns, call.name));
  if (object == nullptr) return not_found(call.subject());
  if (call.subresource == "scale")
    return respond_object(core, call, 200, scale_of(resource, read_object(resource, *object)));
  if (form_of(call.request.accept) != Form::kPlain)
    return respond_object(core, call, 200, read_object(resource, *object));
  Response response;
  response.body = served_text(resource, *object) + "\n";
  return response;
}

Answer<Response> list_objects(Core& core, Call& call) {
  const Resource& resource = *call.resource;
  auto filter = read_filter(call);
  if (!filter) return std::unexpected(std::move(filter).error());
  auto options = read_list_options(core, call);
  if (!options) return std::unexpected(std::move(options).error());
  const uint64_t at = options->continued ? options->page.version : options->exact ? options->version : 0;
  size_t remaining = 0;
  auto objects = resource.collection->list(*filter, at, options->page.after, options->limit, &remaining);
  if (!objects) return std::unexpected(std::move(objects).error());
  const uint64_t version = at != 0 ? at : core.store.version();
  Json metadata = {{"resourceVersion", std::to_string(version)}};
  if (options->limit != 0 && objects->size() > options->limit) {
    objects->resize(options->limit);
    metadata["continue"] = make_continue({version, objects->back()->key});
    if (remaining > 0) metadata["remainingItemCount"] = remaining;
  }
  Response response;
  const Form form = form_of(call.request.accept);
  response.body = form == Form::kPlain ? plain_list(resource, *objects, dump(metadata))
                                       : formed_list(call, *objects, metadata, form);
  return response;
}

Answer<Response> watch_objects(Core& core, Call& call) {
  const ResourcePtr resource = call.resource;
  auto filter = read_filter(call);
  if (!filter) return std::unexpected(std::move(filter).error());
  auto version = read_version(call.query.get("resourceVersion"), false);
  if (!version) return std::unexpected(std::move(version).error());
  const bool streaming_list = call.query.flag("sendInitialEvents");
  const Subject subject{"meta.k8s.io", "", "ListOptions", ""};
  if (!call.query.get("continue").empty())
    return invalid(subject,
                   {{"FieldValueForbidden", "Forbidden: continue is forbidden for watch", "continue"}});
  if (call.query.has("sendInitialEvents") && call.query.get("resourceVersionMatch") != "NotOlderThan") {
    return invalid(subject,
                   {{"FieldValueForbidden",
                     "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                     "resourceVersionMatch"}});
  }
  if (streaming_list && !call.query.flag("allowWatchBookmarks")) {
    return invalid(subject, {{"FieldValueForbidden",
                              "Forbidden: sendInitialEvents requires allowWatchBookmarks to be true",
                              "allowWatchBookmarks"}});
  }
  if (!call.query.has("sendInitialEvents") && call.query.has("resourceVersionMatch")) {
    return invalid(
        subject,
        {{"FieldValueForbidden",
          "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
          "resourceVersionMatch"}});
  }
  if (*version > core.store.version()) return future_version(*version, core.store.version());

  Watch::Options options;
  options.bookmarks = call.query.flag("allowWatchBookmarks");
  options.bookmark_kind = resource->kind;
  options.bookmark_api_version = resource->api_version();
  const bool from_now = call.query.has("sendInitialEvents") ? true : *version == 0;
  options.from = from_now ? core.store.version() : *version;
  if (streaming_list || (from_now && !call.query.has("sendInitialEvents"))) {
    auto objects = resource->collection->list(*filter, 0, "", 0, nullptr);
    if (!objects) return std::unexpected(std::move(objects).error());
    options.initial = *std::move(objects);
  }
  options.initial_end_bookmark = streaming_list;
  const std::string_view seconds = call.query.get("timeoutSeconds");
  int64_t timeout = 0;
  std::from_chars(seconds.data(), seconds.data() + seconds.size(), timeout);
  if (timeout > 0) options.timeout = std::chrono::seconds(std::min<int64_t>(timeout, 86'400));

  const Form form = form_of(call.request.accept);
  const Include include = include_of(call);
  Watch::Encoder encode = [resource](const Object& object) { return served_text(*resource, object); };
  if (form == Form::kPartial) {
    encode = [resource](const Object& object) {
      return dump(partial_metadata(read_object(*resource, object)));
    };
  } else if (form == Form::kTable) {
    // kubectl shows ages as they were sent: those of the moment. The server outlives its watches.
    encode = [resource, include, server = &core, first = true](const Object& object) mutable {
      const Json tree = read_object(*resource, object);
      Json table = table_of(*resource, {&tree}, include, server->now, first);
      table["metadata"]["resourceVersion"] = std::to_string(object.version);
      first = false;
      return dump(table);
    };
    if (streaming_list) options.bookmark_kind = "Table", options.bookmark_api_version = "meta.k8s.io/v1";
  }
  Response response;
  response.watch = std::make_unique<Watch>(resource->collection, *std::move(filter), std::move(encode),
                                           std::move(options));
  return response;
}

}  // namespace stowage::sandbox
