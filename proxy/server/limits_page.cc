#include "proxy/server/limits_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/ascii.h"
#include "proxy/base/json_writer.h"
#include "proxy/policy/meter.h"

namespace sallyport::server {
namespace {

using admin::Request;
using admin::Response;
using std::chrono::ceil;
using std::chrono::seconds;
using Row = std::array<std::string, 7>;

std::uint64_t left_of(const policy::Standing& standing) {
  const std::uint64_t most = standing.window.rate.burst;
  return most - std::min(most, standing.used);
}

Row row_of(const policy::Standing& standing) {
  return {standing.limit,
          standing.subject,
          std::string(policy::name(standing.unit)),
          policy::window_text(standing.window),
          std::to_string(standing.used),
          std::to_string(left_of(standing)),
          fmt::format("in {} s", ceil<seconds>(standing.full_again).count())};
}

std::string as_text(const std::vector<policy::Standing>& standings) {
  std::vector<Row> rows = {{"LIMIT", "SUBJECT", "UNIT", "WINDOW", "USED", "LEFT", "FULL AGAIN"}};
  rows.reserve(standings.size() + 1);
  for (const auto& standing : standings) rows.push_back(row_of(standing));
  std::array<std::size_t, 7> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      text += fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    text += row.back() + '\n';
  }
  return text;
}

/// One object a line.
std::string as_json(const std::vector<policy::Standing>& standings) {
  std::string text;
  for (const auto& each : standings) {
    JsonWriter json;
    json.begin_object()
        .member("limit", each.limit)
        .member("subject", each.subject)
        .member("unit", policy::name(each.unit))
        .member("window", policy::window_text(each.window))
        .member("used", each.used)
        .member("left", left_of(each))
        .member("full_again_seconds", ceil<seconds>(each.full_again).count())
        .end_object();
    text += std::move(json).finish() + '\n';
  }
  return text;
}

Response standings(const policy::LocalLedger& ledger, const Request& request) {
  std::vector<policy::Standing> all = ledger.standings();
  if (const auto subject = admin::parameter(request, "subject")) {
    std::erase_if(all, [&](const policy::Standing& standing) {
      return !ascii::equals_ignoring_case(standing.subject, *subject);
    });
  }
  if (admin::parameter(request, "format") == "json") {
    return {.body = as_json(all), .content_type = "application/x-ndjson"};
  }
  return {.body = as_text(all)};
}

Response reset(policy::LocalLedger& ledger, log::Logger& logger, const Request& request) {
  const std::string subject = admin::parameter(request, "subject").value_or("");
  const std::string limit = admin::parameter(request, "limit").value_or("");
  const std::size_t counts = ledger.reset(limit, subject);
  if (counts == 0) {
    return {.status = 404, .body = "nothing was used of such a limit by such a subject\n"};
  }
  logger.write(log::Level::kWarning, "limits_reset",
               {{"subject", subject}, {"limit", limit}, {"counts", counts}});
  return {.body = fmt::format("reset: {} counts of {}\n", counts, subject)};
}

}  // namespace

admin::Page limits_page(const policy::LocalLedger& ledger) {
  return {.path = "/limits",
          .summary = "what is used of each [[limit]]: ?subject=, format=json",
          .make = [&ledger](const Request& request) { return standings(ledger, request); },
          .takes_a_while = true};
}

admin::Page limits_reset_page(policy::LocalLedger& ledger, log::Logger& logger) {
  return {
      .path = "/limits/reset",
      .summary = "forgets what ?subject= has used, of limit= or of all limits",
      .make = [&ledger, &logger](const Request& request) { return reset(ledger, logger, request); },
      .takes_a_while = true};
}

}  // namespace sallyport::server
