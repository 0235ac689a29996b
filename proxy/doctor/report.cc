#include "proxy/doctor/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "proxy/base/json_writer.h"
#include "proxy/trace/record.h"

namespace sallyport::doctor {

std::string_view name(Weight weight) {
  switch (weight) {
    case Weight::kOk:
      return "ok";
    case Weight::kNote:
      return "note";
    case Weight::kWarning:
      return "warning";
    case Weight::kFault:
      return "fault";
  }
  return "";
}

std::size_t Report::count(Weight weight) const {
  return static_cast<std::size_t>(std::ranges::count(findings_, weight, &Finding::weight));
}

std::string Report::text() const {
  std::string text;
  std::string_view subject;
  for (const Finding& finding : findings_) {
    if (finding.subject != subject) {
      subject = finding.subject;
      if (!text.empty()) text += '\n';
      text += trace::printable(subject) + '\n';
    }
    fmt::format_to(std::back_inserter(text), "  {:<8} {:<9} {}\n", name(finding.weight),
                   finding.check, trace::printable(finding.what));
    if (finding.advice.empty()) continue;
    fmt::format_to(std::back_inserter(text), "  {:<8} {:<9} -> {}\n", "", "",
                   trace::printable(finding.advice));
  }
  const auto plural = [](std::size_t count, std::string_view word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
  };
  fmt::format_to(std::back_inserter(text), "\n{}, {}\n", plural(count(Weight::kFault), "fault"),
                 plural(count(Weight::kWarning), "warning"));
  return text;
}

std::string Report::json() const {
  JsonWriter json;
  json.begin_object()
      .member("faults", count(Weight::kFault))
      .member("warnings", count(Weight::kWarning));
  json.key("findings").begin_array();
  for (const Finding& finding : findings_) {
    json.begin_object()
        .member("weight", name(finding.weight))
        .member("subject", finding.subject)
        .member("check", finding.check)
        .member("what", finding.what)
        .member("advice", finding.advice)
        .end_object();
  }
  json.end_array().end_object();
  return std::move(json).finish() + '\n';
}

}  // namespace sallyport::doctor
