// The sandbox as these tests see it: PayPay's SDK as a merchant would set it up, and the buyer's side by plain HTTP.
"use strict";

const { randomUUID } = require("node:crypto");
const assert = require("node:assert/strict");
const { PayPayRestSDK, Conf } = require("@paypayopa/paypayopa-sdk-node");

const SANDBOX = process.env.SANDBOX_URL ?? "http://127.0.0.1:3001";
const PORT = Number(process.env.SANDBOX_TLS_PORT ?? 3002);

/** The sandbox's one merchant, unless `change` says otherwise. */
function merchant(change = {}) {
  const sdk = new PayPayRestSDK();
  sdk.configure({
    clientId: "kessai_sandbox_key",
    clientSecret: "kessai_sandbox_secret",
    merchantId: "kessai-sandbox-merchant",
    conf: new Conf({ hostName: "localhost", portNumber: PORT }),
    ...change,
  });
  return sdk;
}

const yen = (amount) => ({ amount, currency: "JPY" });

function order(change = {}) {
  return {
    merchantPaymentId: randomUUID(),
    amount: yen(1200),
    codeType: "ORDER_QR",
    orderDescription: "食器 / Tableware",
    orderItems: [{ name: "皿", category: "kitchen", quantity: 2, productId: "7", unitPrice: yen(600) }],
    redirectUrl: "https://shop.example/orders/1",
    redirectType: "WEB_LINK",
    isAuthorization: false,
    ...change,
  };
}

/** Makes a code; the SDK's answer has to be a success. */
async function created(sdk, change) {
  const request = order(change);
  const answer = await sdk.qrCodeCreate(request);
  assert.equal(answer.STATUS, 201, JSON.stringify(answer));
  return { ...answer.BODY.data, request };
}

/** The buyer's phone: `approve` or `decline`. */
async function buyer(codeId, decision) {
  const answer = await fetch(`${SANDBOX}/sandbox/codes/${codeId}/${decision}`, { method: "POST" });
  return { status: answer.status, body: await answer.json() };
}

/** A code that the buyer has approved, with PayPay's `paymentId`. */
async function paid(sdk, change) {
  const code = await created(sdk, change);
  const { body } = await buyer(code.codeId, "approve");
  return { ...code, paymentId: body.paymentId };
}

/** Puts faults in force for one payment. */
async function faults(merchantPaymentId, change) {
  const answer = await fetch(`${SANDBOX}/sandbox/faults/${merchantPaymentId}`, {
    method: "PUT",
    body: JSON.stringify(change),
  });
  assert.equal(answer.status, 200);
}

/** HTTP status and result code of an SDK's answer, in one line. */
const result = (answer) => `${answer.STATUS} ${answer.BODY?.resultInfo.code ?? answer.ERROR}`;

// The SDK prints an address to look up for each refusal.
console.log = () => {};

module.exports = { merchant, yen, order, created, buyer, paid, faults, result, randomUUID };
