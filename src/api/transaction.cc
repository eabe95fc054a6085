// Transaction and Savepoint: RAII round what api::Session knows.
#include "nearlite/transaction.h"

#include <utility>

#include "api/session.h"
#include "base/try.h"

namespace nearlite {
inline namespace v1 {
namespace {

Status over(const char* what) {
  return Status(Code::kInvalidArgument, std::string("nearlite: the ") + what + " is over");
}

}  // namespace

struct Transaction::Impl {
  std::shared_ptr<api::Session> session;
  std::uint64_t serial = 0;

  ~Impl() {
    // A failure means that SQLite has rolled back already.
    if (session->is_current(serial)) static_cast<void>(session->end(serial, /*keep=*/false).ok());
  }
};

Transaction::Transaction(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Transaction::~Transaction() = default;
Transaction::Transaction(Transaction&& other) noexcept = default;
Transaction& Transaction::operator=(Transaction&& other) noexcept = default;

Result<Transaction> Transaction::begin(Database& database, TransactionKind kind) {
  auto session = database.session();
  if (!session) return Status(Code::kInvalidArgument, "nearlite: the database was moved from");
  NEARLITE_TRY(session->begin(kind == TransactionKind::kImmediate));
  const std::uint64_t serial = session->serial();
  return Transaction(std::unique_ptr<Impl>(new Impl{std::move(session), serial}));
}

Status Transaction::commit() {
  return impl_ ? impl_->session->end(impl_->serial, /*keep=*/true) : over("transaction");
}

Status Transaction::rollback() {
  return impl_ ? impl_->session->end(impl_->serial, /*keep=*/false) : over("transaction");
}

bool Transaction::is_open() const noexcept {
  return impl_ && impl_->session->is_current(impl_->serial);
}

struct Savepoint::Impl {
  std::shared_ptr<api::Session> session;
  std::uint64_t number = 0;

  ~Impl() {
    // A failure means that the transaction is over.
    if (session->is_savepoint_open(number)) {
      static_cast<void>(session->end_savepoint(number, /*keep=*/false).ok());
    }
  }
};

Result<Savepoint> Transaction::savepoint() {
  if (!impl_) return over("transaction");
  NEARLITE_ASSIGN(const std::uint64_t number, impl_->session->begin_savepoint(impl_->serial));
  auto impl = std::make_unique<Savepoint::Impl>();
  impl->session = impl_->session;
  impl->number = number;
  return Savepoint(std::move(impl));
}

Savepoint::Savepoint(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Savepoint::~Savepoint() = default;
Savepoint::Savepoint(Savepoint&& other) noexcept = default;
Savepoint& Savepoint::operator=(Savepoint&& other) noexcept = default;

Status Savepoint::release() {
  return impl_ ? impl_->session->end_savepoint(impl_->number, /*keep=*/true) : over("savepoint");
}

Status Savepoint::rollback() {
  return impl_ ? impl_->session->end_savepoint(impl_->number, /*keep=*/false) : over("savepoint");
}

bool Savepoint::is_open() const noexcept {
  return impl_ && impl_->session->is_savepoint_open(impl_->number);
}

}  // namespace v1
}  // namespace nearlite
