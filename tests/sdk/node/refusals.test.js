// What is refused, with the documented HTTP statuses and result codes.
"use strict";

const { test } = require("node:test");
const assert = require("node:assert/strict");
const { merchant, yen, order, created, paid, faults, result, randomUUID } = require("./sandbox.js");

const sdk = merchant();

test("a signature that is not the merchant's is refused", async () => {
  for (const change of [{ clientSecret: "wrong" }, { clientId: "wrong" }]) {
    const answer = await merchant(change).qrCodeCreate(order());
    assert.equal(result(answer), "401 UNAUTHORIZED");
    assert.equal(answer.BODY.resultInfo.codeId, "08100016");
    assert.equal(answer.BODY.data, null);
  }
});

test("a clock more than two minutes off is refused", async (t) => {
  const now = Date.now();
  for (const [seconds, expected] of [[-125, "401 UNAUTHORIZED"], [125, "401 UNAUTHORIZED"], [90, "201 SUCCESS"]]) {
    const clock = t.mock.method(Date, "now", () => now + seconds * 1000);
    const answer = await sdk.qrCodeCreate(order());
    clock.mock.restore();
    assert.equal(result(answer), expected, `${seconds} s`);
  }
});

test("another merchant's name is refused, and none is needed", async () => {
  const other = await merchant({ merchantId: "another" }).qrCodeCreate(order());
  assert.equal(result(other), "404 OPA_CLIENT_NOT_FOUND");
  assert.equal(result(await merchant({ merchantId: undefined }).qrCodeCreate(order())), "201 SUCCESS");
});

test("a merchantPaymentId works once for ever", async () => {
  const { codeId, merchantPaymentId } = await created(sdk);
  await sdk.qrCodeDelete([codeId]);
  const again = await sdk.qrCodeCreate(order({ merchantPaymentId }));
  assert.equal(result(again), "400 DUPLICATE_DYNAMIC_QR_REQUEST");
  assert.equal(again.BODY.resultInfo.codeId, "01652073");
});

test("fields that are missing or wrong are told apart", async () => {
  for (const [change, expected] of [
    [{ amount: undefined }, "400 MISSING_REQUEST_PARAMS"],
    [{ codeType: undefined }, "400 MISSING_REQUEST_PARAMS"],
    [{ codeType: "USER_QR" }, "400 INVALID_REQUEST_PARAMS"],
    [{ amount: { amount: 1200, currency: "USD" } }, "400 INVALID_REQUEST_PARAMS"],
    [{ amount: yen(0) }, "400 INVALID_REQUEST_PARAMS"],
    [{ merchantPaymentId: "x".repeat(65) }, "400 INVALID_REQUEST_PARAMS"],
    [{ orderDescription: "長".repeat(256) }, "400 INVALID_REQUEST_PARAMS"],
  ]) {
    assert.equal(result(await sdk.qrCodeCreate(order(change))), expected, JSON.stringify(change));
  }
});

test("what does not exist is not found", async () => {
  const none = randomUUID();
  const refund = { merchantRefundId: none, paymentId: "1", amount: yen(1) };
  const capture = { merchantPaymentId: none, merchantCaptureId: "c", amount: yen(1), orderDescription: "x" };
  for (const [answer, expected] of [
    [sdk.getCodePaymentDetails([none]), "404 DYNAMIC_QR_PAYMENT_NOT_FOUND"],
    [sdk.getPaymentDetails([none]), "404 DYNAMIC_QR_PAYMENT_NOT_FOUND"],
    [sdk.qrCodeDelete([none]), "404 DYNAMIC_QR_NOT_FOUND"],
    [sdk.paymentCancel([none]), "404 DYNAMIC_QR_PAYMENT_NOT_FOUND"],
    [sdk.paymentRefund(refund), "404 RESOURCE_NOT_FOUND"],
    [sdk.getRefundDetails([none]), "404 NO_SUCH_REFUND_ORDER"],
    [sdk.paymentAuthCapture(capture), "404 RESOURCE_NOT_FOUND"],
    [sdk.paymentAuthRevert({ merchantRevertId: "v", paymentId: "1" }), "404 RESOURCE_NOT_FOUND"],
  ]) {
    assert.equal(result(await answer), expected);
  }
});

test("an unpaid code cannot be refunded, and a paid one not by its merchantPaymentId", async () => {
  const { merchantPaymentId, paymentId } = await paid(sdk, { isAuthorization: true });
  const refund = (id) => sdk.paymentRefund({ merchantRefundId: randomUUID(), paymentId: id, amount: yen(1) });
  assert.equal(result(await refund(paymentId)), "400 UNACCEPTABLE_OP");
  assert.equal(result(await refund(merchantPaymentId)), "404 RESOURCE_NOT_FOUND");
});

test("PayPay's own troubles have their codes", async () => {
  const { merchantPaymentId: id, paymentId } = await paid(sdk);
  const read = () => sdk.getCodePaymentDetails([id]);
  await faults(id, { api: { rateLimitRate: 1 } });
  assert.equal(result(await read()), "429 RATE_LIMIT");
  await faults(id, { api: { rateLimitRate: 0, errorRate: 1 } });
  assert.equal(result(await read()), "500 INTERNAL_SERVER_ERROR");
  await faults(id, { api: null, maintenance: true });
  assert.equal(result(await read()), "503 MAINTENANCE_MODE");
  await faults(id, { maintenance: false, buyerGone: true });
  const refund = { merchantRefundId: randomUUID(), paymentId, amount: yen(1) };
  assert.equal(result(await sdk.paymentRefund(refund)), "400 CANCELED_USER");
});
