#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sandbox/apiserver/printers.h"

/// What the printers of the built-in kinds have in common.
namespace stowage::sandbox {

std::string name_of(const Json& o);
std::string age(const Json& o, WallTime now);
/// A whole number, or 0.
int64_t number(const Json& o, std::initializer_list<std::string_view> path);
/// How many members or items; 0 when it is not there.
size_t count(const Json& o, std::string_view key);
/// The text, or what stands there as JSON; `other` when it is absent, null or empty.
std::string text_or(const Json& o, std::initializer_list<std::string_view> path, std::string other);
/// Member `key` of each item (or the items, without a key), with `separator` between.
std::string joined(const Json* list, std::string_view key, std::string_view separator = ",");
/// a=b,c=d, or <none>.
std::string selector_text(const Json* labels);

/// Kinds of workloads, networks, storage and access.
std::map<std::string, Printer> further_printers();

}  // namespace stowage::sandbox
