// One message's content on its way in: from the wire, by DATA or BDAT, through the header filter,
// into a body. Octets are copied once.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/config/config.h"
#include "proxy/message/body.h"
#include "proxy/message/header_filter.h"
#include "proxy/smtp/chunk_decoder.h"
#include "proxy/smtp/command.h"
#include "proxy/smtp/content.h"
#include "proxy/smtp/reply.h"

namespace sallyport::submission {

/// Takes content to its very end even when it must be refused: only what follows the final dot, or
/// the octets that a BDAT command announced, are commands. The body it gives must not outlive it.
class Content {
 public:
  /// Room for so many views of octets is kept from one feed to the next.
  static constexpr std::size_t kMostViewsHeld = 1024;

  /// `budget` and `listener` outlive it. `declared`: the size that MAIL said.
  Content(message::Budget& budget, const config::Message& settings,
          const config::Listener& listener, std::optional<std::uint64_t> declared);
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  /// Uses what was reserved for it. Before the first octet.
  void adopt(message::Reservation room) {
    if (body_) body_->adopt(std::move(room));
  }
  /// Header fields that are kept for `header().watched()`; null: none. Before the first octet.
  void watch(std::shared_ptr<const std::vector<std::string>> names) {
    header_.watch(std::move(names));
  }
  /// It comes by BDAT and not by DATA. `binary`: MAIL declared that it is no text.
  void expect_chunks(bool binary) { decoder_.emplace<smtp::ChunkDecoder>(binary); }
  /// The next chunk begins. Only after `expect_chunks`.
  void begin_chunk(const smtp::BdatCommand& command);
  /// What comes is of no use, and only read to its end.
  void discard() { give_up(Fault::kDiscarded); }

  /// Takes from the front of `wire`, which shrinks, until the content or chunk ends or `wire` is
  /// empty.
  void feed(std::string_view& wire);
  /// Moves what is too much for memory to its file: call it between feeds. After a failure the
  /// content will be refused.
  runtime::Task<Result<void>> settle(runtime::Loop& loop);
  /// The final dot was read, or all octets of the chunk: what follows are commands.
  bool finished() const {
    return std::visit([](const auto& decoder) { return decoder.finished(); }, decoder_);
  }

  /// Why this content is refused, once it is finished; nullopt: it is not, as far as it has come.
  std::optional<smtp::Reply> refusal() const;
  /// What makes it unfit for everybody: it is refused for that, before anything else.
  std::optional<metrics::Unfit> unfit() const;
  /// It is refused because the process holds too much content already.
  bool out_of_budget() const { return fault_ == Fault::kNoBudget; }
  /// Octets received: the message size of RFC 1870.
  std::uint64_t size() const {
    return std::visit([](const auto& decoder) { return decoder.size(); }, decoder_);
  }
  /// What is to be relayed has an octet above 127; in fields that are taken out none counts.
  bool has_8bit() const {
    const bool received =
        std::visit([](const auto& decoder) { return decoder.has_8bit(); }, decoder_);
    return received && (!header_.facts().removed_8bit || has_8bit_header() || kept_8bit_);
  }
  /// It is no text: RFC 3030 section 3.
  bool is_binary() const {
    const auto* chunks = std::get_if<smtp::ChunkDecoder>(&decoder_);
    return chunks && chunks->is_binary();
  }
  bool has_8bit_header() const { return header_.facts().has_8bit; }
  /// Views of octets that there is room for now.
  std::size_t views_held() const { return decoded_.capacity(); }
  /// A line may begin with a dot. Nobody looks for that in chunks.
  bool may_have_dotted_line() const {
    const auto* data = std::get_if<smtp::ContentDecoder>(&decoder_);
    return !data || data->may_have_dotted_line();
  }
  const message::HeaderFilter& header() const { return header_; }
  /// What is to be relayed, once; only when finished and not refused.
  message::Body take_body() {
    assert(body_);
    return std::move(*body_);
  }

 private:
  enum class Fault : std::uint8_t {
    kNone,
    kTooLarge,
    kHeaderTooLarge,
    kNoBudget,
    kNoRoom,
    kNoStorage,
    kDiscarded,
  };

  /// The message is whole.
  bool complete() const;
  void finish();
  void take_decoded();
  void keep();
  void give_up(Fault fault);

  const std::uint64_t max_size_;
  const std::uint64_t max_header_size_;
  const message::Storage storage_;
  std::variant<smtp::ContentDecoder, smtp::ChunkDecoder> decoder_;
  message::HeaderFilter header_;
  std::optional<message::Body> body_;  // none after a fault
  std::vector<std::string_view> decoded_;
  std::vector<std::string_view> kept_;
  Fault fault_ = Fault::kNone;
  bool kept_8bit_ = false;  // what is kept has an octet above 127; known only if we had to look
};

}  // namespace sallyport::submission
