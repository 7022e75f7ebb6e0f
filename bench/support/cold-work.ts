/**
 * A program that makes bars of a narrow file of quotes by one library, as one writes it by hand. Nothing else
 * is loaded. Arguments: who, the CSV file, and where the Parquet goes.
 */
const [who, csv = '', path = ''] = process.argv.slice(2);

if (who === 'tickloom') {
  const { createPipeline } = await import('tickloom');
  const { narrowSpec } = await import('./narrow-quotes.js');
  const pipeline = await createPipeline(narrowSpec(csv, path));
  const { outcome, error } = await pipeline.run();
  if (outcome !== 'completed') throw new Error(`Tickloom ${outcome}: ${error?.message}`);
} else if (who === 'duckdb') {
  const { OneThreadDuckDb } = await import('./duckdb.js');
  const { narrowSql } = await import('./narrow-quotes.js');
  const duckdb = await OneThreadDuckDb.open();
  await duckdb.run(narrowSql(csv, path));
  duckdb.close();
} else if (who === 'polars') {
  const { loadPolars, workByPolars } = await import('./polars-work.js');
  await workByPolars(loadPolars(), { work: 'bars', csv, path, sizes: false });
}
