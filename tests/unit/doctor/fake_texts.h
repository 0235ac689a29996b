// TXT records of a table.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proxy/doctor/texts.h"

namespace sallyport::doctor {

/// Gives what the table has; names that are not there do not exist, names in `failing` are not
/// answered.
class FakeTexts final : public Texts {
 public:
  using Table = std::map<std::string, std::vector<std::string>>;

  explicit FakeTexts(Table table, std::vector<std::string> failing = {})
      : table_(std::move(table)), failing_(std::move(failing)) {}

  runtime::Task<Result<std::vector<std::string>>> find(std::string name) override {
    asked.push_back(name);
    for (const std::string& each : failing_) {
      if (each == name) co_return fail(ErrorCode::kNetwork, "no answer about " + name);
    }
    const auto found = table_.find(name);
    if (found == table_.end()) co_return fail(ErrorCode::kNotFound, "no such name");
    co_return found->second;
  }

  std::vector<std::string> asked;

 private:
  const Table table_;
  const std::vector<std::string> failing_;
};

}  // namespace sallyport::doctor
