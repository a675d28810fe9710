#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/json_path.h"
#include "sandbox/apiserver/output.h"
#include "sandbox/apiserver/printers.h"

namespace stowage::sandbox {

std::string human_age(std::string_view timestamp, WallTime now) {
  const auto then = parse_rfc3339(timestamp);
  if (!then) return "<unknown>";
  // apimachinery's duration.HumanDuration: two units while the larger one is small.
  const int64_t s = std::chrono::duration_cast<std::chrono::seconds>(now - *then).count();
  if (s < -1) return "<invalid>";
  if (s < 0) return "0s";
  if (s < 120) return fmt::format("{}s", s);
  const int64_t minutes = s / 60;
  if (minutes < 10) return s % 60 == 0 ? fmt::format("{}m", minutes) : fmt::format("{}m{}s", minutes, s % 60);
  if (minutes < 180) return fmt::format("{}m", minutes);
  const int64_t hours = s / 3600;
  if (hours < 8)
    return minutes % 60 == 0 ? fmt::format("{}h", hours) : fmt::format("{}h{}m", hours, minutes % 60);
  if (hours < 48) return fmt::format("{}h", hours);
  const int64_t days = hours / 24;
  if (hours < 24 * 8)
    return hours % 24 == 0 ? fmt::format("{}d", days) : fmt::format("{}d{}h", days, hours % 24);
  if (days < 365 * 2) return fmt::format("{}d", days);
  const int64_t years = days / 365;
  if (days < 365 * 8)
    return days % 365 == 0 ? fmt::format("{}y", years) : fmt::format("{}y{}d", years, days % 365);
  return fmt::format("{}y", years);
}

namespace {

Column column(std::string name, std::string type = "string", int priority = 0) {
  Column out;
  if (name == "Name") out.format = "name";
  out.name = std::move(name);
  out.type = std::move(type);
  out.priority = priority;
  return out;
}

/// A cell of a custom resource's column, in the column's type.
Json custom_cell(const Column& c, const Json& object, WallTime now) {
  const auto found = json_path(object, c.json_path);
  if (found.empty() || found[0]->is_null()) return nullptr;
  const Json& value = *found[0];
  if (c.type == "date")
    return value.is_string() ? Json(human_age(value.get<std::string>(), now)) : Json("<unknown>");
  if (c.type == "integer")
    return value.is_number_integer() ? value : value.is_number() ? Json(value.get<int64_t>()) : Json(nullptr);
  if (c.type == "number") return value.is_number() ? value : Json(nullptr);
  if (c.type == "boolean") return value.is_boolean() ? value : Json(nullptr);
  if (value.is_string()) return value;
  if (value.is_object() || value.is_array()) return dump(value);
  // Several results of a string column are joined as kubectl's JSONPath printer does.
  std::string text;
  for (const Json* item : found)
    text += (text.empty() ? "" : " ") + (item->is_string() ? item->get<std::string>() : dump(*item));
  return text;
}

const Printer* printer_of(const Resource& resource) {
  if (resource.custom) return nullptr;
  const auto& printers = builtin_printers();
  const auto it =
      printers.find(resource.group.empty() ? resource.kind : resource.kind + "." + resource.group);
  return it == printers.end() ? nullptr : &it->second;
}

}  // namespace

std::vector<Column> columns_of(const Resource& resource) {
  std::vector<Column> out;
  if (const Printer* printer = printer_of(resource)) {
    for (const PrinterColumn& c : printer->columns)
      out.push_back(column(c.name, c.type, c.priority));
    return out;
  }
  out.push_back(column("Name"));
  if (!resource.custom || resource.columns.empty()) {
    out.push_back(column(resource.custom ? "Age" : "Created At", "date"));
    return out;
  }
  for (const Column& c : resource.columns)
    out.push_back(c);
  return out;
}

Json cells_of(const Resource& resource, const Json& object, WallTime now) {
  if (const Printer* printer = printer_of(resource)) return printer->cells(object, now);
  Json out = Json::array({string_at(object, {"metadata", "name"})});
  const std::string created = string_at(object, {"metadata", "creationTimestamp"});
  if (!resource.custom) {
    out.push_back(created);
  } else if (resource.columns.empty()) {
    out.push_back(human_age(created, now));
  } else {
    for (const Column& c : resource.columns)
      out.push_back(custom_cell(c, object, now));
  }
  return out;
}

}  // namespace stowage::sandbox
