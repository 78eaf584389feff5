// Authorizations: captured, captured for more, reverted.
"use strict";

const { test } = require("node:test");
const assert = require("node:assert/strict");
const { merchant, yen, buyer, paid, result, randomUUID } = require("./sandbox.js");

const sdk = merchant();
const details = async (id) => (await sdk.getCodePaymentDetails([id])).BODY.data;
const capture = (id, amount, merchantCaptureId = randomUUID()) =>
  sdk.paymentAuthCapture({
    merchantPaymentId: id,
    merchantCaptureId,
    amount: yen(amount),
    orderDescription: "発送済み / shipped",
  });

test("an authorization is captured for less, once", async () => {
  const { merchantPaymentId: id } = await paid(sdk, { isAuthorization: true });
  assert.equal((await details(id)).status, "AUTHORIZED");
  const captured = await capture(id, 1000, "c-1");
  assert.equal(result(captured), "200 SUCCESS");
  assert.deepEqual([captured.BODY.data.status, captured.BODY.data.amount], ["COMPLETED", yen(1000)]);
  assert.equal((await details(id)).captures.data[0].merchantCaptureId, "c-1");
  assert.equal(result(await capture(id, 1000, "c-2")), "400 ALREADY_CAPTURED");
  assert.equal(result(await sdk.paymentCancel([id])), "400 ORDER_NOT_REVERSIBLE");
});

test("more than was authorized takes the buyer's consent", async () => {
  const { merchantPaymentId: id, codeId } = await paid(sdk, { isAuthorization: true });
  assert.equal(result(await capture(id, 1300)), "202 USER_CONFIRMATION_REQUIRED");
  assert.equal(result(await capture(id, 1200)), "400 REAUTHORIZATION_IN_PROGRESS");
  await buyer(codeId, "decline");
  assert.equal(result(await capture(id, 1200)), "200 SUCCESS");
});

test("an authorization is reverted", async () => {
  const { merchantPaymentId: id, paymentId } = await paid(sdk, { isAuthorization: true });
  const revert = (merchantRevertId) => sdk.paymentAuthRevert({ merchantRevertId, paymentId, reason: "在庫切れ" });
  const reverted = await revert("v-1");
  assert.equal(result(reverted), "200 SUCCESS");
  assert.equal(reverted.BODY.data.status, "CANCELED");
  assert.equal((await details(id)).revert.merchantRevertId, "v-1");
  assert.equal(result(await revert("v-2")), "400 ORDER_NOT_CANCELABLE");
  assert.equal(result(await capture(id, 1)), "400 ORDER_NOT_CAPTURABLE");
});
