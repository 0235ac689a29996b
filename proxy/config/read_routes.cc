// [[route]]: which mail goes to which upstreams, in which order.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "proxy/config/forms.h"
#include "proxy/config/nearest.h"
#include "proxy/config/sections.h"
#include "proxy/config/values.h"

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

/// Where the conditions of a route are read from, and what they may name.
struct Reading {
  const Section& section;
  const Config& config;
};

std::vector<Endpoint> read_listeners_of(const Reading& from) {
  std::vector<Element<Endpoint>> read;
  from.section.read_list("listeners", read, endpoint_form(), true);
  std::vector<Endpoint> listeners;
  for (const auto& [address, place, path] : read) {
    const auto& all = from.config.listeners;
    if (std::ranges::find(all, address, &Listener::address) == all.end()) {
      std::vector<std::string> known;
      known.reserve(all.size());
      for (const Listener& listener : all) known.push_back(str(listener.address));
      const std::vector<std::string_view> names(known.begin(), known.end());
      from.section.problems().add(
          place,
          fmt::format("{} is {}, but no [[listener]] has that address; expected {}", path,
                      quote(str(address)),
                      names.empty() ? "the address of a [[listener]]" : list(names, '"', "or")));
    }
    listeners.push_back(address);
  }
  return listeners;
}

/// `header`: names of fields and what must stand in them.
std::vector<HeaderField> read_wanted_fields(const Section& section) {
  std::vector<HeaderField> fields;
  const auto form = text_form("what the field must have, \"*\" for any text");
  const Table* table = section.open_table(
      "header", "a table of field names and their text, such as { \"X-Priority\" = \"bulk*\" }");
  if (!table) return fields;
  for (const Entry& entry : table->entries) {
    const std::string path = fmt::format("{}.{}", section.path_of("header"), quote(entry.key));
    if (!is_field_name(entry.key)) {
      section.problems().add(entry.place,
                             fmt::format("{} is no field; expected {}", path, kFieldName));
      continue;
    }
    const auto text = form.read(entry.value);
    if (text) {
      fields.push_back({.name = entry.key, .text = *text});
    } else {
      section.problems().add(entry.value.place, fmt::format("{} is {}; expected {}", path,
                                                            describe(entry.value), form.expected));
    }
  }
  return fields;
}

constexpr std::uint32_t kMostPriority = 1000;

/// The name of an upstream, or a table with it: what both are written as.
Form<const Node*> target_form() {
  return {.expected = "the name of an [[upstream]], or { name, priority, weight }",
          .read = [](const Node& node) -> std::expected<const Node*, std::string> {
            const bool fits = std::holds_alternative<std::string>(node.value) ||
                              std::holds_alternative<Table>(node.value);
            return fits ? std::expected<const Node*, std::string>(&node) : std::unexpected("");
          }};
}

/// The target that an element of `upstreams` stands for, and the name of its upstream.
struct Named {
  Target target;
  std::string name;
  Place place;
  std::string path;
};

std::optional<Named> read_target(const Section& route, const Element<const Node*>& element,
                                 std::uint32_t position) {
  Named named{.target = {.upstream = 0, .priority = position},
              .name = {},
              .place = element.place,
              .path = element.path};
  const auto form = text_form("the name of an [[upstream]]");
  if (std::holds_alternative<Table>(element.value->value)) {
    const Section table(*element.value, element.path, schema::kTarget, route.problems());
    table.read("priority", named.target.priority, integer_form<std::uint32_t>(1, kMostPriority));
    table.read("weight", named.target.weight, integer_form<std::uint32_t>(0, kMostPriority));
    if (!table.require("name", named.name, form)) return std::nullopt;
    named.place = table.place_of("name");
    named.path = table.path_of("name");
    return named;
  }
  const auto name = form.read(*element.value);
  if (!name) {
    route.problems().add(element.place, fmt::format("{} is {}; expected {}", element.path,
                                                    describe(*element.value), form.expected));
    return std::nullopt;
  }
  named.name = *name;
  return named;
}

std::vector<Target> read_targets(const Section& section, const std::vector<Upstream>& upstreams) {
  if (!section.has("upstreams")) {
    section.missing("upstreams", "an array of names of [[upstream]]s, the preferred one first");
  }
  std::vector<Element<const Node*>> elements;
  section.read_list("upstreams", elements, target_form(), true);
  std::vector<Target> targets;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    auto named = read_target(section, elements[i], static_cast<std::uint32_t>(i + 1));
    if (!named) continue;
    auto& [target, name, place, path] = *named;
    const auto found = std::ranges::find(upstreams, name, &Upstream::name);
    if (found == upstreams.end()) {
      section.problems().add(place, fmt::format("{} {}", path, unknown_upstream(name, upstreams)));
      continue;
    }
    target.upstream = static_cast<std::size_t>(found - upstreams.begin());
    if (std::ranges::find(targets, target.upstream, &Target::upstream) != targets.end()) {
      section.problems().add(
          place, fmt::format("{} is {} again; expected each upstream once", path, quote(name)));
      continue;
    }
    // Behind those of the same priority: the order of the file.
    const auto behind = std::ranges::upper_bound(targets, target.priority, {}, &Target::priority);
    targets.insert(behind, target);
  }
  return targets;
}

Route read_route(const Section& section, const Config& config) {
  const Reading from{section, config};
  Route route;
  section.read("name", route.name, text_form("a name of your choice"));
  section.read_values("users", route.users, text_form("the name of a user"), true);
  section.read_values("groups", route.groups, text_form("the name of a group"), true);
  route.labels = read_labels(section);
  route.listeners = read_listeners_of(from);
  section.read_values("senders", route.senders, pattern_form(), true);
  section.read_values("authors", route.authors, pattern_form(), true);
  section.read_values("recipients", route.recipients, pattern_form(), true);
  route.header = read_wanted_fields(section);
  const auto size = size_form(0, 1ull << 30);
  section.read("min_size", route.min_size, size);
  if (section.read("max_size", route.max_size, size) && route.max_size < route.min_size) {
    section.blame("max_size", fmt::format("is {}, below min_size; expected {} at least",
                                          route.max_size, route.min_size));
  }
  route.upstreams = read_targets(section, config.upstreams);
  return route;
}

}  // namespace

void read_routes(const Section& top, Config& config) {
  for (const Section& section : top.tables("route", schema::kRoute)) {
    config.routes.push_back(read_route(section, config));
  }
  if (!top.lacks("route")) return;
  std::vector<std::size_t> all(config.upstreams.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  config.routes.push_back({.upstreams = in_order(all)});
}

}  // namespace sallyport::config
