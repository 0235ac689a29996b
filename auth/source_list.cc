#include "auth/source_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace sallyport::auth {

Granted SourceList::recall(const Question& question, TimePoint now) const {
  for (const auto& source : sources_) {
    if (Granted grant = source->takes(question) ? source->recall(question, now) : nullptr) {
      return grant;
    }
  }
  return nullptr;
}

runtime::Task<Answer> SourceList::ask(runtime::Loop& loop, const Question& question) const {
  std::optional<Away> away;
  std::string reasons;
  for (const auto& source : sources_) {
    if (!source->takes(question)) continue;
    Answer answer = co_await source->ask(loop, question);
    if (std::holds_alternative<Granted>(answer)) co_return answer;
    if (auto* unsure = std::get_if<Away>(&answer)) {
      if (!away) {
        away = Away{.reason = source->name() + ": " + unsure->reason, .busy = unsure->busy};
      }
    } else {
      if (!reasons.empty()) reasons += "; ";
      reasons += source->name() + ": " + std::get<Refused>(answer).reason;
    }
  }
  if (away) co_return std::move(*away);
  co_return Refused{reasons.empty() ? "no source takes it" : std::move(reasons)};
}

Granted SourceList::trusted(const IpAddress& client) const {
  const auto found = std::ranges::find_if(networks_, [&](const TrustedNetwork& each) {
    return std::ranges::any_of(each.networks,
                               [&](const IpNetwork& network) { return network.contains(client); });
  });
  return found == networks_.end() ? nullptr : found->grant;
}

bool SourceList::holds(const Grant& grant) const {
  return std::ranges::any_of(sources_,
                             [&](const auto& source) { return source->id() == grant.source_id; }) ||
         std::ranges::any_of(networks_, [&](const TrustedNetwork& each) {
           return each.grant->source_id == grant.source_id;
         });
}

void SourceList::cut_off() const {
  for (const auto& source : sources_) source->cut_off();
}

std::string SourceList::troubles(TimePoint now) const {
  std::string lines;
  for (const auto& source : sources_) {
    const auto trouble = source->trouble();
    if (!trouble) continue;
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(now - trouble->since).count();
    lines +=
        fmt::format("source {}: away for {} s: {}\n", source->name(), seconds, trouble->reason);
  }
  return lines;
}

}  // namespace sallyport::auth
