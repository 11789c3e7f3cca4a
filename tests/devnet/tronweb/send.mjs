// Sends TRX and USDT with unmodified tronweb and prints what it saw, as JSON, for the test to compare.
import { TronWeb } from 'tronweb';

const [url, privateKey, contractAddress, recipient] = process.argv.slice(2);
const tronWeb = new TronWeb({ fullHost: url, privateKey });
const payer = tronWeb.defaultAddress.base58;

async function step(blocks) {
  await fetch(`${url}/_devnet/step`, { method: 'POST', body: JSON.stringify({ blocks }) });
}

const trx = await tronWeb.trx.sign(await tronWeb.transactionBuilder.sendTrx(recipient, 1_500_000, payer));
const trxAnswer = await tronWeb.trx.sendRawTransaction(trx);

const call = await tronWeb.transactionBuilder.triggerSmartContract(
  contractAddress,
  'transfer(address,uint256)',
  { feeLimit: 20_000_000 },
  [{ type: 'address', value: recipient }, { type: 'uint256', value: 5_500_000 }],
  payer,
);
const usdt = await tronWeb.trx.sign(call.transaction);
const pb = tronWeb.utils.transaction.txJsonToPb(usdt);
for (const signature of usdt.signature) pb.addSignature(Uint8Array.from(Buffer.from(signature, 'hex')));
const usdtAnswer = await tronWeb.trx.sendHexTransaction(Buffer.from(pb.serializeBinary()).toString('hex'));
await step(19);

const contract = await tronWeb.contract().at(contractAddress);
console.log(JSON.stringify({
  trx: { local: trx.txID, answer: trxAnswer, info: await tronWeb.trx.getTransactionInfo(trx.txID) },
  usdt: {
    local: usdt.txID,
    answer: usdtAnswer,
    info: await tronWeb.trx.getTransactionInfo(usdt.txID),
    confirmed: await tronWeb.trx.getConfirmedTransaction(usdt.txID),
  },
  balance: (await contract.balanceOf(recipient).call()).toString(),
  trxBalance: await tronWeb.trx.getBalance(recipient),
  block: (await tronWeb.trx.getBlock('latest')).block_header.raw_data.number,
}));
