#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/store.h"

namespace stowage::sandbox {

/// A document as the parsers return it.
struct Parsed {
  Json value;
  std::vector<std::string> duplicates;  ///< Paths of keys given more than once; the last one counts.
};

/// An object after a write, and how the client is answered.
struct Written {
  int status = 200;
  Json object;
  ObjectPtr stored = {};  ///< The same as stored: its text need not be made again. Null when nothing was.
};

}  // namespace stowage::sandbox
