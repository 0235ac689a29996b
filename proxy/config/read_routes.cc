// [[route]]: which senders' mail goes to which upstreams, in which order.
#include <fmt/format.h>

#include <algorithm>

#include "proxy/config/forms.h"
#include "proxy/config/nearest.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

std::string unknown_upstream(const std::string& name, const std::vector<Upstream>& upstreams) {
  std::vector<std::string_view> names;
  for (const Upstream& upstream : upstreams) {
    const bool listed = std::ranges::find(names, upstream.name) != names.end();
    if (!upstream.name.empty() && !listed) names.push_back(upstream.name);
  }
  const std::string text = fmt::format("is {}, but no [[upstream]] has that name", quote(name));
  if (const auto meant = nearest(name, names)) {
    return fmt::format("{}; did you mean {}?", text, quote(*meant));
  }
  return fmt::format("{}; expected {}", text,
                     names.empty() ? "the name of an [[upstream]]" : list(names, '"', "or"));
}

Route read_route(const Section& section, const std::vector<Upstream>& upstreams) {
  Route route;
  std::vector<Element<AddressPattern>> senders;
  section.read_list("senders", senders, pattern_form(), true);
  for (auto& sender : senders) route.senders.push_back(std::move(sender.value));

  const auto form = text_form("the name of an [[upstream]]");
  if (!section.has("upstreams")) {
    section.missing("upstreams", "an array of names of [[upstream]]s, the preferred one first");
  }
  std::vector<Element<std::string>> names;
  section.read_list("upstreams", names, form, true);
  for (const auto& [name, place, path] : names) {
    const auto found = std::ranges::find(upstreams, name, &Upstream::name);
    if (found == upstreams.end()) {
      section.problems().add(place, fmt::format("{} {}", path, unknown_upstream(name, upstreams)));
      continue;
    }
    const auto index = static_cast<std::size_t>(found - upstreams.begin());
    if (std::ranges::find(route.upstreams, index) != route.upstreams.end()) {
      section.problems().add(
          place, fmt::format("{} is {} again; expected each upstream once", path, quote(name)));
      continue;
    }
    route.upstreams.push_back(index);
  }
  return route;
}

}  // namespace

void read_routes(const Section& top, Config& config) {
  for (const Section& section : top.tables("route", schema::kRoute)) {
    config.routes.push_back(read_route(section, config.upstreams));
  }
  if (!top.lacks("route")) return;
  Route all;
  for (std::size_t i = 0; i < config.upstreams.size(); ++i) all.upstreams.push_back(i);
  config.routes.push_back(std::move(all));
}

}  // namespace sallyport::config
