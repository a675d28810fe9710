#pragma once

#include <string>
#include <string_view>

#include "sandbox/apiserver/core.h"

namespace stowage::sandbox {

/// What a client wants to read.
enum class Form { kPlain, kTable, kPartial };

/// The first form in the Accept header that the server has.
Form form_of(std::string_view accept);
/// False if nothing in the Accept header is JSON or YAML.
bool acceptable(std::string_view accept);
/// The first thing in the Accept header that the server can write is YAML.
bool prefers_yaml(std::string_view accept);
/// How a Table row shows its object.
enum class Include { kMetadata, kObject, kNone };
Include include_of(const Call& call);

/// {"metadata":..., "kind":"PartialObjectMetadata"}.
Json partial_metadata(const Json& object);

/// A Table of the objects. `headers` false leaves out columnDefinitions (later frames of a watch).
Json table_of(const Resource& resource, const std::vector<const Json*>& objects, Include include,
              WallTime now, bool headers);

// columns.cc
std::vector<Column> columns_of(const Resource& resource);
/// One cell per column.
Json cells_of(const Resource& resource, const Json& object, WallTime now);
/// "3m20s", "5d2h": how kubectl prints an age; "<unknown>" when there is no time.
std::string human_age(std::string_view timestamp, WallTime now);

}  // namespace stowage::sandbox
