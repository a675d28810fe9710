#pragma once

#include "sandbox/apiserver/core.h"

namespace stowage::sandbox {

/// GET pods/NAME/log: the lines of one container, chosen by tailLines, sinceSeconds, sinceTime, limitBytes;
/// with `follow` the answer has a stream of the lines to come as well. Errors: 400 where the container is not
/// named, not there or has not started, 422 for options out of range.
Answer<Response> read_log(Core& core, Call& call, const Json& pod);

}  // namespace stowage::sandbox
