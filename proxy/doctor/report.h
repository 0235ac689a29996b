// What an examination found, in words for a person and as JSON for a program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::doctor {

/// How much a finding matters.
enum class Weight : std::uint8_t {
  kOk,       ///< It is as it should be.
  kNote,     ///< Good to know.
  kWarning,  ///< Mail is sent, and some of it may not arrive, or soon will not.
  kFault,    ///< Mail is not sent, or is refused.
};

/// "ok", "note", "warning", "fault".
std::string_view name(Weight weight);

struct Finding {
  Weight weight = Weight::kOk;
  std::string subject;  ///< "upstream ses", "domain example.com".
  std::string check;    ///< "DNS", "AUTH", "SPF" …
  std::string what;     ///< What was found, in one sentence.
  std::string advice;   ///< What to change; empty: nothing.
};

/// Findings in their order.
class Report {
 public:
  void add(Finding finding) { findings_.push_back(std::move(finding)); }
  const std::vector<Finding>& findings() const { return findings_; }
  std::size_t count(Weight weight) const;

  /// A block for each subject, a line for each finding, and how many there are of each weight.
  /// Control characters are replaced.
  std::string text() const;
  std::string json() const;

 private:
  std::vector<Finding> findings_;
};

/// Adds findings about one subject.
class Subject {
 public:
  Subject(Report& report, std::string name) : report_(report), name_(std::move(name)) {}

  void ok(std::string_view check, std::string what) {
    add(Weight::kOk, check, std::move(what), {});
  }
  void note(std::string_view check, std::string what, std::string advice = {}) {
    add(Weight::kNote, check, std::move(what), std::move(advice));
  }
  void warning(std::string_view check, std::string what, std::string advice) {
    add(Weight::kWarning, check, std::move(what), std::move(advice));
  }
  void fault(std::string_view check, std::string what, std::string advice) {
    add(Weight::kFault, check, std::move(what), std::move(advice));
  }
  void add(Weight weight, std::string_view check, std::string what, std::string advice) {
    report_.add({.weight = weight,
                 .subject = name_,
                 .check = std::string(check),
                 .what = std::move(what),
                 .advice = std::move(advice)});
  }

 private:
  Report& report_;
  const std::string name_;
};

}  // namespace sallyport::doctor
