#include "proxy/relay/conditions.h"

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/message/author_field.h"

namespace sallyport::relay {
namespace {

using config::AddressPattern;

bool matches_any(const std::vector<AddressPattern>& patterns, const smtp::Mailbox& mailbox) {
  return std::ranges::any_of(patterns, [&mailbox](const AddressPattern& pattern) {
    return pattern.matches(mailbox.local, mailbox.domain);
  });
}

bool names_user(const config::Route& route, std::string_view user) {
  return std::ranges::any_of(route.users, [user](const std::string& name) {
    return ascii::equals_ignoring_case(name, user);
  });
}

bool names_group(const config::Route& route, const Caller& caller) {
  return std::ranges::any_of(caller.groups, [&route](const std::string& group) {
    return std::ranges::find(route.groups, group) != route.groups.end();
  });
}

bool has_labels(const config::Route& route, const Caller& caller) {
  return std::ranges::all_of(route.labels, [&caller](const config::Label& wanted) {
    return std::ranges::any_of(caller.labels, [&wanted](const config::Label& label) {
      return label.name == wanted.name && ascii::matches_wildcard(wanted.value, label.value);
    });
  });
}

bool names_listener(const config::Route& route, const Caller& caller) {
  return caller.listener != nullptr &&
         std::ranges::find(route.listeners, *caller.listener) != route.listeners.end();
}

/// Every address that any reader could take from it must match: a From field that is read in two
/// ways, or in none, is not let in by one of them.
bool has_authors(const config::Route& route, const Traits& traits) {
  bool found = false;
  for (const config::HeaderField& field : traits.fields) {
    if (!ascii::equals_ignoring_case(field.name, "From")) continue;
    const auto addresses = message::claimed_addresses(field.text);
    if (!addresses || addresses->empty()) return false;
    found = true;
    for (const smtp::Mailbox& address : *addresses) {
      if (!matches_any(route.authors, address)) return false;
    }
  }
  return found;
}

bool has_recipients(const config::Route& route, const Traits& traits) {
  return std::ranges::all_of(traits.envelope.recipients, [&route](const auto& recipient) {
    return matches_any(route.recipients, recipient.forward_path);
  });
}

bool has_fields(const config::Route& route, const Traits& traits) {
  return std::ranges::all_of(route.header, [&traits](const config::HeaderField& wanted) {
    return std::ranges::any_of(traits.fields, [&wanted](const config::HeaderField& field) {
      return ascii::equals_ignoring_case(field.name, wanted.name) &&
             ascii::matches_wildcard(wanted.text, field.text);
    });
  });
}

}  // namespace

std::string_view unmet_by_sender(const config::Route& route, const smtp::ReversePath& reverse_path,
                                 const Caller& caller) {
  if (!route.users.empty() && !names_user(route, caller.user)) return "users";
  if (!route.groups.empty() && !names_group(route, caller)) return "groups";
  if (!has_labels(route, caller)) return "labels";
  if (!route.listeners.empty() && !names_listener(route, caller)) return "listeners";
  const smtp::Mailbox sender = reverse_path.mailbox.value_or(smtp::Mailbox{});
  if (!route.senders.empty() && !matches_any(route.senders, sender)) return "senders";
  return {};
}

std::string_view unmet_by_message(const config::Route& route, const Traits& traits) {
  if (!route.authors.empty() && !has_authors(route, traits)) return "authors";
  if (!route.recipients.empty() && !has_recipients(route, traits)) return "recipients";
  if (!has_fields(route, traits)) return "header";
  if (traits.size < route.min_size) return "min_size";
  if (traits.size > route.max_size) return "max_size";
  return {};
}

bool needs_message(const config::Route& route) {
  return !route.authors.empty() || !route.recipients.empty() || !route.header.empty() ||
         route.min_size > 0 || route.max_size != config::Route().max_size;
}

}  // namespace sallyport::relay
