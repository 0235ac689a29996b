// The header section of a hostile message. Properties: any split gives the same; what comes out has
// no Bcc left and comes out of a second pass unchanged; nothing but Bcc fields, what the rules take
// out and one line end is ever lost or added; a mailbox that was understood means itself.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/message/address_list.h"
#include "proxy/message/header_filter.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sallyport;

struct Filtered {
  std::string kept;
  message::HeaderFacts facts;
  std::uint64_t size = 0;
  Result<std::vector<smtp::Mailbox>> from;
  Result<std::vector<smtp::Mailbox>> resent_from;
  std::string message_id;

  bool operator==(const Filtered&) const = default;
};

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
  result.from = filter.mailboxes(message::Author::kFrom);
  result.resent_from = filter.mailboxes(message::Author::kResentFrom);
  result.message_id = filter.message_id();
  return result;
}

Filtered check(std::string_view content, const config::HeaderRules& rules) {
  const auto whole = fuzz::same_however_cut(
      content, [&](fuzz::Cuts cuts) { return filter(content, cuts, rules); });

  const auto again = filter(whole.kept, fuzz::Cuts::whole(), rules);
  FUZZ_CHECK(again.kept == whole.kept);
  FUZZ_CHECK(again.facts.bcc_fields == 0 && again.facts.removed_fields == 0);
  FUZZ_CHECK(!again.facts.separator_added);
  FUZZ_CHECK(again.from == whole.from && again.message_id == whole.message_id);

  const std::size_t added = whole.facts.separator_added ? 2 : 0;
  FUZZ_CHECK(whole.size <= content.size());
  FUZZ_CHECK(whole.kept.size() <= content.size() + added);
  // X-Received-Removed goes where Received does, and is no removed field: we write it anew.
  if (whole.facts.bcc_fields == 0 && whole.facts.removed_fields == 0 &&
      whole.facts.received_before == 0 && !whole.facts.removes_received) {
    FUZZ_CHECK(whole.kept.size() == content.size() + added);
  }
  return whole;
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

  if (whole.from) {
    for (const auto& mailbox : *whole.from) {
      const auto same = message::parse_address_list(mailbox.str());
      FUZZ_CHECK(same && same->size() == 1 && same->front() == mailbox);
    }
  }
  return 0;
}
