#include "auth/proof.h"

namespace sallyport::auth {
namespace {

struct Name {
  std::string_view operator()(const Password& proof) const { return proof.authcid; }
  std::string_view operator()(const BearerToken& proof) const { return proof.name; }
  std::string_view operator()(const ProvedUser& proof) const { return proof.name; }
};

}  // namespace

std::string_view claimed_name(const Proof& proof) { return std::visit(Name(), proof); }

}  // namespace sallyport::auth
