// The header section of a hostile message. Properties: any split gives the same; what comes out has
// no Bcc left and comes out of a second pass unchanged; nothing but Bcc fields, lines of mbox
// files, what the rules take out and one line end is ever lost or added; no lenient reader takes an
// address from a field of an author that the gateway did not see.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/message/author_field.h"
#include "proxy/message/header_filter.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/lenient_reader.h"

namespace {

using namespace sallyport;

struct Filtered {
  std::string kept;
  message::HeaderFacts facts;
  std::uint64_t size = 0;
  std::vector<std::string> from;
  std::vector<std::string> resent_from;
  std::string message_id;

  bool operator==(const Filtered&) const = default;
};

std::vector<std::string> fields(const message::HeaderFilter& filter, message::Author author) {
  const auto values = filter.fields(author);
  if (!values) return {values.error().text};
  return {values->begin(), values->end()};
}

Filtered filter(std::string_view content, fuzz::Cuts cuts, const config::HeaderRules& rules) {
  message::HeaderFilter filter(rules);
  Filtered result;
  std::vector<std::string_view> kept;
  const auto take = [&] {
    for (const auto view : kept) result.kept += view;
    kept.clear();
  };
  fuzz::feed_in_pieces(content, cuts, [&](std::string_view piece) {
    filter.feed(piece, kept);
    take();
    return true;
  });
  filter.finish(kept);
  take();
  result.facts = filter.facts();
  result.size = filter.size();
  result.from = fields(filter, message::Author::kFrom);
  result.resent_from = fields(filter, message::Author::kResentFrom);
  result.message_id = filter.message_id();
  return result;
}

Filtered check(std::string_view content, const config::HeaderRules& rules) {
  const auto whole = fuzz::same_however_cut(
      content, [&](fuzz::Cuts cuts) { return filter(content, cuts, rules); });

  const auto again = filter(whole.kept, fuzz::Cuts::whole(), rules);
  FUZZ_CHECK(again.kept == whole.kept);
  FUZZ_CHECK(again.facts.bcc_fields == 0 && again.facts.removed_fields == 0);
  FUZZ_CHECK(!again.facts.separator_added && again.facts.broken_line == 0);
  FUZZ_CHECK(again.facts.mbox_lines == 0);
  FUZZ_CHECK(whole.facts.broken_line == 0 || whole.facts.separator_added);
  FUZZ_CHECK(again.from == whole.from && again.message_id == whole.message_id);

  const std::size_t added = whole.facts.separator_added ? 2 : 0;
  FUZZ_CHECK(whole.size <= content.size());
  FUZZ_CHECK(whole.kept.size() <= content.size() + added);
  // X-Received-Removed goes where Received does, and is no removed field: we write it anew.
  if (whole.facts.bcc_fields == 0 && whole.facts.removed_fields == 0 &&
      whole.facts.mbox_lines == 0 && whole.facts.received_before == 0 &&
      !whole.facts.removes_received) {
    FUZZ_CHECK(whole.kept.size() == content.size() + added);
  }
  return whole;
}

/// The domain of an address, in lower case and without a dot at its end.
std::string domain_of(std::string_view address) {
  std::string domain(address.substr(address.rfind('@') + 1));
  for (char& c : domain) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  while (domain.ends_with('.')) domain.pop_back();
  return domain;
}

void check_author(std::string_view value) {
  FUZZ_CHECK(message::quotable(value).size() <= 100);
  const auto claimed = message::claimed_addresses(value);
  FUZZ_CHECK(claimed || !claimed.error().text.empty());
  if (!claimed) return;
  FUZZ_CHECK(!claimed->empty());
  std::vector<std::string> domains;
  for (const auto& mailbox : *claimed) {
    FUZZ_CHECK(smtp::parse_mailbox(mailbox.str(), true) == mailbox);
    domains.push_back(domain_of(mailbox.domain));
  }
  // What looks like ASCII and is not (white space, dots, "@") is read by rules of the product's
  // own: tests/unit/message holds them.
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::ranges::all_of(value, is_ascii)) return;
  for (const std::string& address : support::addresses_read(value)) {
    // A reader that takes more than letters for a domain has none that mail goes to.
    const std::string domain = domain_of(address);
    const bool is_name =
        domain.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == domain.npos;
    // Half a character of Shift JIS may look like an "@" to who knows no charsets.
    if (!std::ranges::all_of(address, is_ascii)) continue;
    FUZZ_CHECK(!is_name || std::ranges::find(domains, domain) != domains.end());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content = sallyport::fuzz::text(data, size);
  static const config::HeaderRules rules{.remove = {"X-Originating-IP", "Received", "Date", "To"},
                                         .add = {{"X-Env", "production"}}};
  const auto whole = check(content, {});
  FUZZ_CHECK(whole.facts.removed_fields == 0);
  const auto ruled = check(content, rules);
  FUZZ_CHECK(ruled.facts.hops() == whole.facts.hops());
  FUZZ_CHECK(ruled.facts.removed_fields >= whole.facts.received_fields);
  FUZZ_CHECK(ruled.from == whole.from && ruled.facts.bcc_fields == whole.facts.bcc_fields);
  FUZZ_CHECK(!ruled.facts.has_date && ruled.size == whole.size);

  for (const std::string& value : whole.from) check_author(value);
  check_author(content.substr(0, 300));
  return 0;
}
