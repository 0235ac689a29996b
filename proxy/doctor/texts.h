// Where TXT records come from: name servers, or the table of a test.
#pragma once

#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/runtime/task.h"

namespace sallyport::doctor {

/// Gives TXT records. kNotFound: there is none; anything else: they could not be looked up.
class Texts {
 public:
  virtual ~Texts() = default;
  virtual runtime::Task<Result<std::vector<std::string>>> find(std::string name) = 0;
};

}  // namespace sallyport::doctor
