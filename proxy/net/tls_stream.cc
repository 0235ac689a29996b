#include "proxy/net/tls_stream.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "proxy/net/alert_scan.h"
#include "proxy/net/groups.h"
#include "proxy/net/server_context.h"
#include "proxy/net/tls_errors.h"

namespace sallyport::net {

using runtime::ByteStream;
using runtime::Loop;
using runtime::Task;

namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
// What is sealed before the transport gets it: four full records and their headers.
constexpr std::size_t kFlight = 4 * kRecord;
// How much of a peer's first words an error repeats.
constexpr std::size_t kMostQuoted = 60;
// How long a peer that failed the handshake has to take our alert and close.
constexpr Duration kFarewell = std::chrono::seconds(1);
// How long a ClientHello of two segments may go without any answer.
constexpr Duration kLargeHelloPatience = std::chrono::seconds(5);

}  // namespace

void PlainPieces::drop(std::size_t count) {
  taken_ += count;
  skip_empty();
}

void PlainPieces::skip_empty() {
  while (!pieces_.empty() && taken_ == pieces_.front().size()) {
    pieces_ = pieces_.subspan(1);
    taken_ = 0;
  }
}

std::size_t PlainPieces::gather(std::span<char> into) {
  std::size_t size = 0;
  while (!empty() && size < into.size()) {
    const std::string_view piece = front().substr(0, into.size() - size);
    std::memcpy(into.data() + size, piece.data(), piece.size());
    size += piece.size();
    drop(piece.size());
  }
  return size;
}

BoringStream::BoringStream(Loop& loop, std::unique_ptr<ByteStream> inner, bssl::UniquePtr<SSL> ssl,
                           std::unique_ptr<ClientSide> client)
    : loop_(loop),
      inner_(std::move(inner)),
      wire_(loop),
      client_(std::move(client)),
      ssl_(std::move(ssl)) {
  BIO* const bio = make_bio(wire_).release();
  SSL_set_bio(ssl_.get(), bio, bio);
  // Drops what only a handshake needs once it is over.
  SSL_set_shed_handshake_config(ssl_.get(), 1);
}

BoringStream::~BoringStream() { loop_.give_back(std::move(wire_.out)); }

std::string BoringStream::channel_binding() const {
  constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  if (SSL_version(ssl_.get()) != TLS1_3_VERSION) return {};
  std::string octets(32, '\0');
  const int made =
      SSL_export_keying_material(ssl_.get(), reinterpret_cast<std::uint8_t*>(octets.data()),
                                 octets.size(), kLabel.data(), kLabel.size(), nullptr, 0, 0);
  return made == 1 ? octets : std::string();
}

/// The one way into BoringSSL: it keeps its errors in a queue of the thread, which each of these
/// calls empties before it begins and `take_reason` after.
template <class Call>
SslOutcome BoringStream::ssl_call(Call call) {
  const int result = call(ssl_.get());
  if (result > 0) return {.kind = SslOutcome::kDone, .count = result, .reason = {}};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {.kind = SslOutcome::kStarved, .count = 0, .reason = {}};
    case SSL_ERROR_ZERO_RETURN:
      return {.kind = SslOutcome::kClosed, .count = 0, .reason = {}};
    default:
      return {.kind = SslOutcome::kFailed, .count = 0, .reason = take_reason(peer())};
  }
}

// A signature is made on the loop here: ECDSA takes 15 us, RSA with 2048 bits 0.6 ms.
Task<Result<void>> BoringStream::handshake(TimePoint deadline, TimePoint first_answer) {
  std::string first_octets;
  AlertScan records;
  while (true) {
    const SslOutcome outcome = ssl_call([](SSL* ssl) { return SSL_do_handshake(ssl); });
    const bool done = outcome.kind == SslOutcome::kDone;
    if (done) established();
    const auto sent = co_await flush(deadline);
    if (!done && outcome.kind != SslOutcome::kStarved) {
      // Closing at once could reset the connection and take our alert with it.
      co_await inner_->finish(std::min(deadline, loop_.after(kFarewell)));
      co_return fail(handshake_error(outcome, records.alert()));
    }
    if (!sent) co_return fail(sent.error().code, "TLS handshake: " + sent.error().text);
    if (done) co_return {};
    const auto arrived =
        co_await inner_->read(has_heard_ ? deadline : std::min(deadline, first_answer));
    if (!arrived) co_return fail(arrived.error().code, "TLS handshake: " + arrived.error().text);
    has_heard_ = true;
    wire_.in = *arrived;
    records.feed(*arrived);
    if (first_octets.size() < kMostQuoted) {
      first_octets.append(arrived->substr(0, kMostQuoted - first_octets.size()));
    }
    // BoringSSL would wait for the rest of whatever it is.
    if (!looks_like_tls(first_octets)) {
      co_return fail(client_ ? ErrorCode::kInvalid : ErrorCode::kTls, not_tls(first_octets));
    }
  }
}

void BoringStream::established() {
  keep_unread();
  may_hold_octets_ = !held_.empty() || SSL_has_pending(ssl_.get()) == 1;
  unacknowledged_ = wire_.out.empty();
  info_.version = SSL_get_version(ssl_.get());
  info_.cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl_.get()));
  info_.resumed = SSL_session_reused(ssl_.get()) == 1;
}

/// To an upstream, kTls is for a certificate that we do not accept alone: it pages an operator.
Error BoringStream::handshake_error(SslOutcome outcome, std::optional<std::uint8_t> alert) const {
  if (client_ && !client_->refusal.empty()) return {ErrorCode::kTls, client_->refusal};
  if (outcome.kind == SslOutcome::kClosed) {
    outcome.reason = std::string(peer()) + " closed the connection";
  } else if (alert) {
    outcome.reason = describe_alert(*alert, peer());
  }
  return {client_ ? ErrorCode::kProtocol : ErrorCode::kTls, "TLS handshake: " + outcome.reason};
}

/// The inner stream's view dies when we suspend or return to someone who may.
void BoringStream::keep_unread() { held_ = std::string(std::exchange(wire_.in, {})); }

/// All that SSL and the wire hold, in the loop's scratch. Empty: more must arrive first. Octets
/// that came before an error are given first.
Result<std::string_view> BoringStream::decrypt() {
  if (end_) return fail(*end_);
  const std::string held = std::exchange(held_, {});
  if (!held.empty()) wire_.in = held;
  const std::span<char> room = loop_.scratch(Loop::Scratch::kPlain);
  std::size_t size = 0;
  SslOutcome outcome{.kind = SslOutcome::kDone, .count = 0, .reason = {}};
  while (size < room.size() && outcome.kind == SslOutcome::kDone) {
    outcome = ssl_call([&](SSL* ssl) {
      return SSL_read(ssl, room.data() + size, static_cast<int>(room.size() - size));
    });
    size += static_cast<std::size_t>(outcome.count);
    // BoringSSL asks the wire for no octet beyond the record it reads: with none left to ask for
    // and none to give, another call would only find that out.
    if (outcome.kind == SslOutcome::kDone && wire_.in.empty() && SSL_pending(ssl_.get()) == 0) {
      outcome.kind = SslOutcome::kStarved;
    }
  }
  if (outcome.kind == SslOutcome::kClosed) {
    end_ = std::make_unique<Error>(ErrorCode::kClosed, "the peer closed the connection");
  } else if (outcome.kind == SslOutcome::kFailed) {
    end_ = std::make_unique<Error>(ErrorCode::kTls, "TLS: " + outcome.reason);
  }
  keep_unread();
  may_hold_octets_ = outcome.kind != SslOutcome::kStarved;
  if (size == 0 && end_) return fail(*end_);
  return std::string_view(room.data(), size);
}

/// What can be given without waiting, or why nothing ever can. False: more must arrive first.
bool BoringStream::take_plain(Result<std::string_view>& result) {
  if (interrupted_) {
    result = fail(ErrorCode::kCancelled, "we are closing the connection");
    return true;
  }
  if (!may_hold_octets_) return false;
  result = decrypt();
  if (!result) return true;
  const bool useful = !result->empty();
  heard_ = heard_ || useful;
  unacknowledged_ = !heard_ && SSL_has_pending(ssl_.get()) == 0;
  return useful;
}

/// Takes what a read below gave. False: it gave an error, now in our words.
bool BoringStream::take_wire(Result<std::string_view>& result) {
  if (!result) {
    // Mail clients seldom say goodbye; SMTP's own framing tells what is whole.
    if (result.error().code == ErrorCode::kClosed) result.error().text += " without close_notify";
    return false;
  }
  wire_.in = *result;
  may_hold_octets_ = true;
  return true;
}

// Its frame is most of what an idle session keeps besides the SSL: one Result for everything, and
// helpers that are no coroutines.
Task<Result<std::string_view>> BoringStream::read(TimePoint deadline) {
  Result<std::string_view> result;
  while (!take_plain(result)) {
    // The peer may hold back what it says next until its last handshake octets are acknowledged
    // (Nagle), and the kernel would do that 40 ms later: docs/architecture.md.
    if (std::exchange(unacknowledged_, false)) inner_->acknowledge_now();
    result = co_await inner_->read(deadline);
    if (!take_wire(result)) co_return result;
  }
  // The alert that tells the peer what it did wrong.
  if (!result && !wire_.out.empty()) (void)co_await flush(deadline);
  co_return result;
}

/// Turns pieces into records until a flight is full. Small pieces are gathered into full records;
/// the staging space is the stack's, used before anything suspends.
Result<void> BoringStream::seal_flight(PlainPieces& pieces) {
  std::array<char, kRecord> staging;
  while (!pieces.empty() && wire_.out.size() < kFlight) {
    std::string_view plain = pieces.front();
    if (plain.size() >= kRecord || pieces.front_is_last()) {
      plain = plain.substr(0, kRecord);
      pieces.drop(plain.size());
    } else {
      plain = {staging.data(), pieces.gather(staging)};
    }
    const SslOutcome outcome = ssl_call(
        [&](SSL* ssl) { return SSL_write(ssl, plain.data(), static_cast<int>(plain.size())); });
    if (outcome.kind != SslOutcome::kDone) return fail(ErrorCode::kTls, "TLS: " + outcome.reason);
  }
  return {};
}

Task<Result<void>> BoringStream::write(std::span<const std::string_view> pieces,
                                       TimePoint deadline) {
  if (broken_) co_return fail(ErrorCode::kNetwork, "write: an earlier write failed");
  unacknowledged_ = false;
  PlainPieces plain(pieces);
  while (!plain.empty()) {
    const auto sealed = seal_flight(plain);
    if (!sealed) co_return fail(sealed.error());
    const auto sent = co_await flush(deadline);
    if (!sent) co_return fail(sent.error());
  }
  co_return {};
}

/// Sends what SSL has written. Reader and writer may both come here: the first one sends for both.
Task<Result<void>> BoringStream::flush(TimePoint deadline) {
  if (std::exchange(flushing_, true)) co_return {};
  Result<void> result;
  while (!wire_.out.empty() && !broken_) {
    std::string flight = std::exchange(wire_.out, {});
    const std::string_view piece = flight;
    result = co_await inner_->write(std::span(&piece, 1), deadline);
    loop_.give_back(std::move(flight));
    broken_ = !result;
  }
  flushing_ = false;
  co_return result;
}

void BoringStream::interrupt() {
  interrupted_ = true;
  inner_->interrupt();
}

Task<void> BoringStream::finish(TimePoint deadline) {
  if (!broken_) {
    (void)ssl_call([](SSL* ssl) { return SSL_shutdown(ssl); });
    (void)co_await flush(deadline);
  }
  co_await inner_->finish(deadline);
}

bool BoringStream::is_quiet() const {
  return !may_hold_octets_ && !end_ && SSL_has_pending(ssl_.get()) == 0 && inner_->is_quiet();
}

Task<Result<std::unique_ptr<TlsStream>>> accept_tls(Loop& loop, std::unique_ptr<ByteStream> inner,
                                                    std::shared_ptr<const ServerTlsContext> context,
                                                    TimePoint deadline) {
  bssl::UniquePtr<SSL> ssl(SSL_new(context->impl().contexts.front().get()));
  if (!ssl) co_return fail(ErrorCode::kSystem, "TLS: " + take_reason());
  auto stream = std::make_unique<BoringStream>(loop, std::move(inner), std::move(ssl), nullptr);
  ServerSide side(stream->ssl(), *context);
  const auto agreed = co_await stream->handshake(deadline);
  if (!agreed && !side.refusal().empty()) co_return fail(ErrorCode::kTls, side.refusal());
  if (!agreed) {
    const bool gone =
        agreed.error().code == ErrorCode::kClosed || agreed.error().code == ErrorCode::kNetwork;
    if (!gone) co_return fail(agreed.error());
    co_return fail(stream->has_heard() ? ErrorCode::kNetwork : ErrorCode::kClosed,
                   agreed.error().text);
  }
  stream->set_client_certificate(side.take_client_certificate());
  co_return stream;
}

Task<Result<std::unique_ptr<TlsStream>>> connect_tls(Loop& loop, std::unique_ptr<ByteStream> inner,
                                                     ClientTlsContext& context, std::string host,
                                                     TimePoint deadline) {
  if (host.ends_with('.')) host.pop_back();  // the root's dot is in no certificate
  bssl::UniquePtr<SSL> ssl(SSL_new(context.impl().ssl.get()));
  if (!ssl) co_return fail(ErrorCode::kSystem, "TLS: " + take_reason());
  SSL_set_connect_state(ssl.get());
  auto side = std::make_unique<ClientSide>();
  side->host = std::move(host);
  ClientTlsContext::Impl& impl = context.impl();
  const auto prepared = impl.prepare(*ssl, *side);
  if (!prepared) co_return fail(prepared.error());
  const bool large = has_hybrid_group() && impl.hello_size.may_be_large(loop.now());
  if (has_hybrid_group() && !large) set_classic_groups(*ssl);
  // A large hello that is dropped must leave time for a small one.
  const TimePoint first_answer = large ? loop.after(kLargeHelloPatience) : kNever;
  auto stream =
      std::make_unique<BoringStream>(loop, std::move(inner), std::move(ssl), std::move(side));
  const auto agreed = co_await stream->handshake(deadline, first_answer);
  const bool cancelled = !agreed && agreed.error().code == ErrorCode::kCancelled;
  if (has_hybrid_group() && !cancelled) {
    impl.hello_size.learn(large, stream->has_heard(), loop.now());
  }
  if (!agreed) co_return fail(agreed.error());
  co_return stream;
}

}  // namespace sallyport::net
