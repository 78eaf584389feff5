// A purchase from its code to its end, in each way that it can end.
"use strict";

const { test } = require("node:test");
const assert = require("node:assert/strict");
const { merchant, yen, created, buyer, paid, result, randomUUID } = require("./sandbox.js");

const sdk = merchant();

async function status(id) {
  const [code, payment] = [await sdk.getCodePaymentDetails([id]), await sdk.getPaymentDetails([id])];
  assert.equal(result(code), "200 SUCCESS");
  assert.deepEqual(payment.BODY.data, code.BODY.data, "both addresses tell the same");
  return code.BODY.data;
}

test("create, pay, read, refund, read the refund, delete, cancel", async () => {
  const code = await created(sdk);
  assert.match(code.codeId, /^04-\w{16}$/);
  assert.match(code.url, /^http:.*\/sandbox\/pay\//);
  assert.match(code.deeplink, /^paypay:\/\//);
  assert.ok(code.expiryDate > Date.now() / 1000);
  assert.deepEqual(code.orderItems, code.request.orderItems);
  const id = code.merchantPaymentId;
  assert.equal((await status(id)).status, "CREATED");

  assert.equal((await buyer(code.codeId, "approve")).body.status, "COMPLETED");
  const payment = await status(id);
  assert.equal(payment.status, "COMPLETED");
  assert.match(payment.paymentId, /^\d{20}$/);
  assert.deepEqual(payment.amount, yen(1200));
  assert.ok(Number.isInteger(payment.acceptedAt));

  const refundId = randomUUID();
  const refund = { merchantRefundId: refundId, paymentId: payment.paymentId, amount: yen(1200), reason: "返品" };
  const refunded = await sdk.paymentRefund(refund);
  assert.equal(result(refunded), "201 SUCCESS");
  assert.equal(refunded.BODY.data.status, "CREATED");
  const details = await sdk.getRefundDetails([refundId]);
  assert.equal(result(details), "200 SUCCESS");
  assert.deepEqual(
    [details.BODY.data.status, details.BODY.data.amount, details.BODY.data.reason],
    ["REFUNDED", yen(1200), "返品"],
  );
  const after = await status(id);
  assert.equal(after.status, "REFUNDED");
  assert.equal(after.refunds.data[0].merchantRefundId, refundId);

  const deleted = await sdk.qrCodeDelete([code.codeId]);
  assert.equal(result(deleted), "200 SUCCESS");
  assert.equal((await status(id)).status, "REFUNDED", "a code's end is not the payment's");
  assert.equal(result(await sdk.paymentCancel([id])), "400 ORDER_NOT_REVERSIBLE");
});

test("a payment canceled on its day fails, and the cancel may be repeated", async () => {
  const { merchantPaymentId: id } = await paid(sdk);
  for (let time = 0; time < 2; time += 1) {
    assert.equal(result(await sdk.paymentCancel([id])), "202 REQUEST_ACCEPTED");
  }
  assert.equal((await status(id)).status, "FAILED");
});

test("a cancel before the payment waits for the buyer", async () => {
  const code = await created(sdk);
  assert.equal(result(await sdk.paymentCancel([code.merchantPaymentId])), "202 REQUEST_ACCEPTED");
  assert.equal((await status(code.merchantPaymentId)).status, "CREATED");
  await buyer(code.codeId, "approve");
  assert.equal((await status(code.merchantPaymentId)).status, "FAILED");
});

test("a deleted code cannot be paid, and its payment stays created", async () => {
  const code = await created(sdk);
  const deleted = await sdk.qrCodeDelete([code.codeId]);
  assert.equal(deleted.BODY.data.qrStatus, "DELETED");
  assert.equal((await buyer(code.codeId, "approve")).status, 409);
  assert.equal((await status(code.merchantPaymentId)).status, "CREATED");
});

test("a declined payment has failed", async () => {
  const code = await created(sdk);
  await buyer(code.codeId, "decline");
  assert.equal((await status(code.merchantPaymentId)).status, "FAILED");
});

test("a part may be refunded, once", async () => {
  const { paymentId } = await paid(sdk);
  const refund = (amount) =>
    sdk.paymentRefund({ merchantRefundId: randomUUID(), paymentId, amount: yen(amount) });
  assert.equal(result(await refund(1201)), "400 INVALID_PARAMS");
  assert.equal(result(await refund(200)), "201 SUCCESS");
  assert.equal(result(await refund(200)), "403 MERCHANT_MULTIPLE_REFUND_REJECTED");
});
